/** native/operators.schema, the types that are made from it, and the libtorch that it was written for. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { operatorTypes, SCHEMA_FILE, TYPES_FILE } from "../../scripts/operator-types.mjs";
import { ROOT } from "../../scripts/places.mjs";
import { call, fromArray, type Tensor } from "../../src/tensor/index.js";
import { native } from "../../src/tensor/native.js";
import { error } from "../support/errors.js";

const schema = readFileSync(SCHEMA_FILE, "utf8");

describe("native/operators.schema", () => {
  test("is what src/tensor/operator-types.ts was made from; if not, run: npm run operators", () => {
    expect(readFileSync(TYPES_FILE, "utf8")).toBe(operatorTypes(schema));
  });

  test("has the schemas of this libtorch, and of every operator of ours", () => {
    expect(native.schemaFaults(schema)).toEqual([]);
  });

  test("lists no operator that src does not call", () => {
    const sources = readdirSync(join(ROOT, "src/tensor"), { encoding: "utf8" })
      .filter((file) => file !== "operator-types.ts")
      .map((file) => readFileSync(join(ROOT, "src/tensor", file), "utf8"))
      .join("");
    const names = Array.from(schema.matchAll(/^[\w:.]+(?=\()/gm), ([name]) => name);
    expect(names.length).toBeGreaterThan(80);
    expect(names.filter((name) => !sources.includes(`"${name}"`))).toEqual([]);
  });
});

describe("a schema is wrong where", () => {
  test.each([
    ["libtorch has no such operator", "aten::negate(Tensor self) -> Tensor", /no such operator/],
    ["an argument is not there", "aten::neg(Tensor self, int times) -> Tensor", /this libtorch has aten::neg\(Tensor/],
    ["an argument lacks", "aten::gather(Tensor self, int dim) -> Tensor", /this libtorch has aten::gather/],
    ["a type is another", "aten::neg(Tensor[] self) -> Tensor", /this libtorch has/],
    ["a default is another", "aten::cat(Tensor[] tensors, int dim=1) -> Tensor", /this libtorch has/],
    ["the result is another", "aten::neg(Tensor self) -> (Tensor, Tensor)", /this libtorch has/],
    [
      "it was changed since the engine was built",
      "advprop::average_pool(int x) -> Tensor",
      /has advprop::average_pool/,
    ],
  ])("%s", (_, line, message) => {
    expect(native.schemaFaults(`# A comment\n\n${line}\n`)).toEqual([expect.stringMatching(message)]);
  });

  test("an operator may have more arguments with defaults than are listed", () => {
    expect(native.schemaFaults("aten::cat(Tensor[] tensors) -> Tensor")).toEqual([]);
  });

  test.each([
    ["aten::neg(Tensor self)", /this line is no schema: aten::neg/],
    [
      "aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor",
      /no TypeScript type is known for Generator/,
    ],
  ])("there are no types for it: %s", (line, message) => {
    expect(() => operatorTypes(line)).toThrow(message);
  });
});

describe("the types of call", () => {
  const x = fromArray([1, -2], [1, 1, 1, 2]);

  test("take what the schema takes; what has a default can be left out", () => {
    const negative: Tensor = call("aten::neg", [x]);
    expect(negative.toNumbers()).toEqual([-1, 2]);
    expect(call("aten::cat", [[x, x]]).shape).toEqual([2, 1, 1, 2]);
    expect(call("aten::cat", [[x, x], undefined]).shape).toEqual([2, 1, 1, 2]);
    expect(call("aten::avg_pool2d", [x, [1, 2]]).toNumbers()).toEqual([-0.5]);
    expect(call("aten::clamp", [x, null, 0]).toNumbers()).toEqual([0, -2]);
    const [values, indices]: [Tensor, Tensor] = call("aten::topk", [x, 1]);
    expect([values.toNumbers(), indices.toNumbers()]).toEqual([[1], [0]]);
    expect(call("aten::_foreach_mul_.Scalar", [[fromArray([1])], 2])).toBeUndefined();
  });

  // The compiler finds the directives that hide no error: `npm run types`.
  test("refuse what the engine refuses", () => {
    // @ts-expect-error: there is no such operator
    expect(() => call("aten::negate", [x])).toThrow(error("ERR_OPERATOR"));
    // @ts-expect-error: an argument lacks
    expect(() => call("aten::gather", [x, 1])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: one argument too many
    expect(() => call("aten::neg", [x, x])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: a number in the place of a tensor
    expect(() => call("aten::neg", [1])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: a tensor in the place of a number
    expect(() => call("aten::argmax", [x, x])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: null in the place of a tensor that must be given
    expect(() => call("advprop::average_pool", [null])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: no name of a dtype
    expect(() => call("aten::to.dtype", [x, "float"])).toThrow(error("ERR_DTYPE"));
    // @ts-expect-error: no name of a memory format
    expect(() => call("aten::contiguous", [x, "nhwc"])).toThrow(error("ERR_ARGUMENT"));
    // @ts-expect-error: three sides
    expect(() => call("advprop::conv2d", [x, x, null, 1, [0, 0, 0], 1])).toThrow(error("ERR_LIBTORCH"));
    // @ts-expect-error: the result is one tensor
    expect(() => call("aten::neg", [x])[0].shape).toThrow(TypeError);
  });
});
