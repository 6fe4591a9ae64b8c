import { expect, test } from "vitest";
import * as ops from "../../src/tensor/operators.js";
import { fromArray } from "../../src/tensor/tensor.js";

test("smoke", () => {
  const x = fromArray([1, 2, 3, 4], [2, 2]);
  expect(ops.add(x, 1).toNumbers()).toEqual([2, 3, 4, 5]);
  expect(() => ops.add(x, fromArray([1, 2, 3]))).toThrow(/size/);
});
