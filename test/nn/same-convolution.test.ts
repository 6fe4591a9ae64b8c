import { describe, expect, test } from "vitest";
import { EVAL } from "../../src/nn/context.js";
import { SameConv2d, samePadding } from "../../src/nn/layers/same-convolution.js";
import { scope } from "../../src/tensor/index.js";
import { keyedUniform } from "../../src/tensor/operators.js";
import { fromArray } from "../../src/tensor/tensor.js";
import { paddedConvolution } from "../support/convolutions.js";

const CONTEXT = { ...EVAL, route: "main" };

describe("samePadding", () => {
  // length, size, stride, before, after: TensorFlow's notes on padding
  test.each([
    [224, 3, 2, 0, 1],
    [224, 5, 2, 1, 2],
    [225, 3, 2, 1, 1],
    [225, 5, 2, 2, 2],
    [13, 6, 5, 1, 2],
    [7, 3, 1, 1, 1],
    [7, 5, 1, 2, 2],
    [8, 1, 2, 0, 0],
    [1, 5, 2, 2, 2],
  ])("of length %i, size %i, stride %i", (length, size, stride, before, after) => {
    expect(samePadding(length, size, stride)).toEqual([before, after]);
  });

  test("leaves ceil(length / stride) windows", () => {
    for (const size of [1, 2, 3, 5, 7]) {
      for (const stride of [1, 2, 3]) {
        for (let length = 1; length < 20; length++) {
          const [before, after] = samePadding(length, size, stride);
          const windows = Math.floor((length + before + after - size) / stride) + 1;
          expect(windows, `${length}, ${size}, ${stride}`).toBe(Math.ceil(length / stride));
        }
      }
    }
  });
});

// Height and width of different parity, so that the padding is uneven in one dimension, in both, or in none.
test.each([
  [7, 10, 3, 2],
  [8, 10, 5, 2],
  [7, 9, 3, 2],
])("SameConv2d pads images of %i x %i for a kernel of %i at stride %i", (height, width, size, stride) => {
  scope(() => {
    const module = new SameConv2d(4, 4, size, { stride, groups: 4, bias: true });
    module.initialize(0, "float64");
    const samples = fromArray([0, 1], [2], "int64");
    const x = keyedUniform(samples, [4, height, width], { seed: 0, epoch: 0, purpose: 1 }, "float64");
    const [top, bottom] = samePadding(height, size, stride);
    const [left, right] = samePadding(width, size, stride);
    const reference = paddedConvolution(stride, { left, right, top, bottom }, 4);
    const expected = reference(x, module.weight.data, module.bias?.data);
    const actual = module.forward(x, CONTEXT);
    expect(actual.shape).toEqual([2, 4, Math.ceil(height / stride), Math.ceil(width / stride)]);
    expect(actual.toNumbers()).toEqual(expected.toNumbers());
  });
});
