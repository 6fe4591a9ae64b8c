/** The CUDA kernels of depthwise convolution, emulated, against padding and libtorch's convolution in float64. */
import { beforeAll, describe, expect, test } from "vitest";
import { call, type DType, fromArray, gradientOf, scope, type Tensor } from "../../src/tensor/index.js";
import {
  cast,
  channelsLast,
  conv2d,
  detach,
  keyedUniform,
  mul,
  type Padding,
  sub,
  sum,
} from "../../src/tensor/operators.js";
import { paddedConvolution, sides } from "../support/convolutions.js";
import { canEmulate, difference, emulated, inBothOrders, loadEmulation } from "../support/emulated.js";

const depthwise = (x: Tensor, weight: Tensor, stride: number, padding: Padding): Tensor =>
  conv2d(x, weight, { stride, padding, groups: x.shape[1] });

/** Uniform in [-1/2, 1/2), channels-last, rounded to the dtype. */
function random(shape: readonly number[], purpose: number, dtype: DType): Tensor {
  const samples = fromArray(
    Array.from({ length: shape[0] }, (_, n) => n),
    [shape[0]],
    "int64",
  );
  const draws = keyedUniform(samples, shape.slice(1), { seed: 0, epoch: 0, purpose });
  return cast(channelsLast(sub(draws, 0.5)), dtype);
}

/** [N, C, H, W] */
type Shape = readonly [number, number, number, number];

const CASES: readonly [shape: Shape, size: number, stride: number, padding: Padding][] = [
  [[2, 16, 5, 7], 3, 1, sides(1)],
  [[2, 16, 6, 8], 3, 2, sides(0, 1)],
  [[1, 8, 9, 5], 5, 1, sides(2)],
  [[2, 24, 8, 7], 5, 2, sides(1, 2)],
  [[1, 16, 7, 7], 5, 2, sides(2)],
  // Widths that no pack divides, one channel, one pixel, uneven and much padding, none at all.
  [[1, 33, 4, 6], 3, 2, sides(1)],
  [[3, 1, 5, 5], 5, 1, sides(2)],
  [[2, 8, 1, 1], 3, 1, sides(1)],
  [[1, 8, 1, 1], 5, 2, sides(2)],
  [[1, 8, 3, 4], 3, 1, sides(3, 0, 0, 5)],
  [[1, 8, 6, 5], 5, 2, sides(3, 4, 5, 1)],
  [[1, 8, 5, 5], 3, 1, sides(0)],
  [[1, 8, 6, 9], 3, 2, sides(0)],
  // More channels than a block has, in tiles of unequal width; more strips than a block adds up.
  [[1, 296, 3, 5], 3, 1, sides(1)],
  [[4, 64, 16, 17], 3, 2, sides(0, 1)],
  [[4, 64, 16, 17], 5, 1, sides(2)],
  // Several bands of rows, whose seams fall in all ways.
  [[1, 2, 59, 3], 3, 1, sides(1)],
  [[1, 2, 90, 3], 5, 1, sides(2)],
  [[1, 2, 117, 4], 3, 2, sides(1)],
  [[1, 2, 119, 3], 5, 2, sides(1, 2)],
  [[1, 2, 120, 5], 5, 2, sides(2)],
];

interface Results {
  readonly y: Tensor;
  readonly gradX: Tensor;
  readonly gradWeight: Tensor;
}

/** The result, and both gradients of sum(y slopes). */
function results(convolution: (x: Tensor, weight: Tensor) => Tensor, x: Tensor, weight: Tensor, dtype: DType): Results {
  const input = detach(x).requireGradient();
  const kernel = detach(weight).requireGradient();
  const loss = (): Tensor => {
    const y = convolution(input, kernel);
    return sum(mul(y, cast(random(y.shape, 3, dtype), y.dtype)));
  };
  return { y: convolution(x, weight), gradX: gradientOf(loss(), input), gradWeight: gradientOf(loss(), kernel) };
}

describe.skipIf(!canEmulate)("depthwise convolution on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  describe.each([
    ["float32", "float32", 1e-5],
    ["bfloat16", "float32", 1e-2],
    ["bfloat16", "bfloat16", 1e-2],
  ] as const)("x %s, weight %s", (dtype, weightDtype, bound) => {
    test.each(CASES)("%j, kernel %i, stride %i, padding %j", (shape, size, stride, padding) => {
      scope(() => {
        const [x, weight] = [random(shape, 1, dtype), random([shape[1], 1, size, size], 2, weightDtype)];
        const actual = emulated(() => results((a, b) => depthwise(a, b, stride, padding), x, weight, dtype));
        const expected = results(
          paddedConvolution(stride, padding, shape[1]),
          cast(x, "float64"),
          cast(weight, "float64"),
          dtype,
        );
        for (const name of ["y", "gradX", "gradWeight"] as const) {
          expect(actual[name].shape).toEqual(expected[name].shape);
          expect(difference(actual[name], expected[name]), name).toBeLessThan(bound);
        }
        expect([actual.y.dtype, actual.gradX.dtype, actual.gradWeight.dtype]).toEqual([dtype, dtype, weightDtype]);
      });
    });
  });

  test("no result depends on the order of threads and blocks", () => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const [x, weight] = [random([4, 64, 16, 17], 1, dtype), random([64, 1, 5, 5], 2, "float32")];
      const [rising, falling] = inBothOrders(() => {
        const { y, gradX, gradWeight } = emulated(() =>
          results((a, b) => depthwise(a, b, 2, sides(1, 2)), x, weight, dtype),
        );
        return [y, gradX, gradWeight].map((tensor) => tensor.toNumbers());
      });
      expect(falling).toEqual(rising);
    }
  });

  test("any strides of x and of the gradient", () => {
    const x = random([2, 16, 6, 10], 1, "float32");
    const weight = random([16, 1, 3, 3], 2, "float32");
    const everySecond = (tensor: Tensor): Tensor => call("aten::slice.Tensor", [tensor, 3, 0, undefined, 2]);
    const convolution = (a: Tensor, b: Tensor) => depthwise(a, b, 1, sides(1));
    const copy = channelsLast(call("aten::clone", [everySecond(x)]));
    const [actual, expected] = emulated(() => [everySecond(x), copy].map((from) => convolution(from, weight)));
    expect(actual.toNumbers()).toEqual(expected.toNumbers());
    const input = detach(x).requireGradient();
    const gradient = emulated(() => gradientOf(sum(everySecond(convolution(input, weight))), input));
    const reference = cast(x, "float64").requireGradient();
    const plain = paddedConvolution(1, sides(1), 16)(reference, cast(weight, "float64"));
    expect(difference(gradient, gradientOf(sum(everySecond(plain)), reference))).toBeLessThan(1e-5);
  });
});
