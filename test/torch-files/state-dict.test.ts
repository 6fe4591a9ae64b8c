import { describe, expect, test } from "vitest";
import type { PickleValue } from "../../src/torch-files/pickle-globals.js";
import { findStateDict } from "../../src/torch-files/state-dict.js";
import type { TorchTensor } from "../../src/torch-files/tensor.js";
import { codedError } from "../support/errors.js";

const tensor = (length: number): TorchTensor => ({
  kind: "tensor",
  storage: { kind: "storage", key: "0", dtype: "F32", elements: 9, start: 0, wholeElements: 9 },
  offset: 0,
  shape: [length],
  strides: [1],
});
const map = (entries: Record<string, PickleValue>): Map<PickleValue, PickleValue> => new Map(Object.entries(entries));
const weights = (prefix = "", length = 1) =>
  map({ [`${prefix}a.weight`]: tensor(length), [`${prefix}b.bias`]: tensor(2) });
const found = (value: PickleValue) => {
  const { tensors, notes } = findStateDict(value, "FILE");
  return { names: [...tensors.keys()], length: tensors.get("a.weight")?.shape[0], notes };
};

describe("the weights in a checkpoint", () => {
  test.each(["state_dict", "model", "model_state_dict", "net", "anything_else"])("are found under %s", (entry) => {
    const value = map({
      epoch: 1,
      acc: tensor(1),
      best: tensor(1),
      [entry]: weights(),
      optimizer: map({ state: map({}) }),
    });
    expect(found(value)).toEqual({ names: ["a.weight", "b.bias"], length: 1, notes: [] });
  });

  test.each(["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.model.", "net."])(
    "lose the prefix %j",
    (prefix) => {
      expect(found(weights(prefix)).names).toEqual(["a.weight", "b.bias"]);
    },
  );

  test("keep a prefix that only some of the names have", () => {
    const value = map({ "module.a": tensor(1), "other.b": tensor(1) });
    expect(found(value).names).toEqual(["module.a", "other.b"]);
  });

  test.each(["state_dict_ema", "model_ema"])("are the moving average %s where there is one, with a note", (entry) => {
    const average = weights("module.", 7).set("n_averaged", tensor(1));
    const value = map({ state_dict: weights("", 1), [entry]: average });
    expect(found(value)).toEqual({
      names: ["a.weight", "b.bias"],
      length: 7,
      notes: [`The weights are the moving average, the entry ${entry}, not those of state_dict.`],
    });
  });

  test("are not an empty moving average", () => {
    expect(found(map({ state_dict: weights(), state_dict_ema: null })).length).toBe(1);
  });

  test.each([
    ["a list", [tensor(1)], "it holds a list of 1"],
    ["no weights", map({ epoch: 3, lr: map({}) }), "it has epoch (3), lr (a dictionary of 0)"],
    ["two sets of weights", map({ generator: weights(), critic: weights() }), "has no entry with weights"],
    ["more than tensors", weights().set("names", "x"), 'there are also names (the text "x")'],
  ])("are asked for where there is %s", (_, value, message) => {
    const error = codedError(() => findStateDict(value, "FILE"));
    expect([error.code, error.message]).toEqual(["ERR_TORCH_FILE", expect.stringContaining(message)]);
  });
});
