import { expect, test } from "vitest";
import { labelsTensor } from "../../src/models/pixels.js";
import { createClassifier } from "../../src/models/registry.js";
import { transferWeights } from "../../src/models/transfer.js";
import { stateOf } from "../../src/models/weights.js";
import { Purpose } from "../../src/random.js";
import { scope } from "../../src/tensor/index.js";
import { keyedUniform, reshape } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";

const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);
const make = (name: string, classes: readonly string[], routes: readonly string[], seed: number) =>
  createClassifier(name, { classes, routes }).initialize(seed);

/** A source in which every tensor differs from its initial value. */
function trained(classes: readonly string[], routes: readonly string[]) {
  const model = make("resnet20", classes, routes, 1);
  scope(() => {
    model.parameters.forEach((parameter, stream) => {
      const key = { seed: 1, epoch: 0, purpose: Purpose.synthesis, stream };
      parameter.load(reshape(keyedUniform(labelsTensor([0]), [parameter.size], key), parameter.shape));
    });
  });
  return { specification: model.specification, tensors: stateOf(model.network) };
}

test("for other classes, the body is copied, the head starts from zeros, and auxiliary norms copy the main ones", () => {
  const source = trained(names(10), []);
  const model = make("resnet20", names(4), ["aux"], 2);
  expect(transferWeights(model, source, "weights")).toEqual({ headReplaced: true, routesFromMain: ["aux"] });
  for (const [key, { data }] of stateOf(model.network)) {
    if (key.startsWith("fc."))
      expect(
        data.every((byte) => byte === 0),
        key,
      ).toBe(true);
    else expect(data, key).toEqual(source.tensors.get(key.replace(".aux_bn.0", ""))?.data);
  }
});

test("for the same classes, the head is copied, and so is an auxiliary route that both have", () => {
  const source = trained(names(10), ["autoaugment", "aux"]);
  const model = make("resnet20", names(10), ["aux"], 2);
  expect(transferWeights(model, source, "weights")).toEqual({ headReplaced: false, routesFromMain: [] });
  for (const [key, { data }] of stateOf(model.network)) {
    expect(data, key).toEqual(source.tensors.get(key.replace("aux_bn.0", "aux_bn.1"))?.data);
  }
});

test("weights of another architecture are refused and nothing is changed", () => {
  const model = make("resnet32", names(10), [], 2);
  const before = stateOf(model.network);
  const error = codedError(() => transferWeights(model, trained(names(10), []), "weights.safetensors"));
  expect(error.code).toBe("ERR_WEIGHTS");
  expect(error.message).toContain("`model: resnet20`");
  expect(stateOf(model.network)).toEqual(before);
});
