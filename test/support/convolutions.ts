/** What the tests of the convolutions share: random operands, results with gradients, distances. */
import { expect } from "vitest";
import { type DType, fromArray, gradientOf, memoryStats, scope, type Tensor } from "../../src/tensor/index.js";
import {
  abs,
  amax,
  cast,
  channelsLast,
  detach,
  keyedUniform,
  mul,
  type Padding,
  sub,
  sum,
} from "../../src/tensor/operators.js";
import { callUntyped } from "./call.js";

/** Uniform in [-1/2, 1/2), channels-last, rounded to the dtype. */
export function random(shape: readonly number[], purpose: number, dtype: DType = "float32"): Tensor {
  const samples = fromArray(
    Array.from({ length: shape[0] }, (_, n) => n),
    [shape[0]],
    "int64",
  );
  return cast(
    channelsLast(sub(keyedUniform(samples, shape.slice(1), { seed: 0, epoch: 0, purpose }, "float32"), 0.5)),
    dtype,
  );
}

/** The bits of a tensor. */
export const bytesOf = (x: Tensor): Uint8Array => new Uint8Array(x.toArray().buffer);

export interface Results {
  readonly y: Tensor;
  readonly gradX: Tensor;
  readonly gradWeight: Tensor;
}

/** The result and both gradients of sum(y slopes). */
export function results(
  convolution: (x: Tensor, weight: Tensor) => Tensor,
  x: Tensor,
  weight: Tensor,
  slopes: (y: Tensor) => Tensor,
): Results {
  const input = detach(x).requireGradient();
  const kernel = detach(weight).requireGradient();
  const loss = (): Tensor => {
    const y = convolution(input, kernel);
    return sum(mul(y, slopes(y)));
  };
  return { y: convolution(x, weight), gradX: gradientOf(loss(), input), gradWeight: gradientOf(loss(), kernel) };
}

/** Largest difference as a share of the largest reference value. */
export function difference(actual: Tensor, expected: Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  const largestOf = (x: Tensor): number =>
    amax(
      abs(x),
      x.shape.map((_, i) => i),
    ).item();
  const scale = largestOf(expected);
  const largest = largestOf(sub(cast(actual, "float64"), expected));
  return scale === 0 ? largest : largest / scale;
}

/**
 * A convolution's result and gradients on random slopes, compared with those of a reference in float64 on the same numbers:
 * `rounded` is the weight as the convolution takes it.
 */
export function compareWith(
  reference: (x: Tensor, weight: Tensor) => Tensor,
  convolution: (x: Tensor, weight: Tensor) => Tensor,
  x: Tensor,
  weight: Tensor,
  tolerance: number,
  rounded = weight,
): Results {
  const slopes = (y: Tensor): Tensor => cast(random(y.shape, 3, x.dtype), y.dtype);
  const actual = results(convolution, x, weight, slopes);
  const expected = results(reference, cast(x, "float64"), cast(rounded, "float64"), slopes);
  for (const name of ["y", "gradX", "gradWeight"] as const) {
    const label = `${name} of ${x.shape} and ${weight.shape}`;
    expect(difference(actual[name], expected[name]), label).toBeLessThan(tolerance);
  }
  return actual;
}

/** That x, of 64 channels, is kept for the gradient of the weight and for nothing else. */
export function checkInputIsKept(
  convolution: (x: Tensor, weight: Tensor) => Tensor,
  weightShape: readonly number[],
): void {
  for (const trained of [false, true]) {
    scope(() => {
      const x = mul(random([2, 64, 32, 32], 1).requireGradient(), 2);
      const weight = random(weightShape, 2);
      if (trained) weight.requireGradient();
      const bytes = 4 * x.size;
      const y = convolution(x, weight);
      const before = memoryStats().liveBytes;
      x.dispose();
      expect(before - memoryStats().liveBytes).toBe(trained ? 0 : bytes);
      expect(y.requiresGradient).toBe(true);
    });
  }
}

/** A convolution by libtorch, whose zeros on each side are a copy: the reference. */
export const paddedConvolution =
  (stride: number, { left, right, top, bottom }: Padding, groups = 1) =>
  (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => {
    const padded = callUntyped("aten::constant_pad_nd", [x, [left, right, top, bottom]]);
    return callUntyped("aten::conv2d", [padded, weight, bias, stride, 0, 1, groups]);
  };

/** Zeros on each side, of the right as of the left and of top and bottom as of left and right unless told. */
export const sides = (left: number, right = left, top = left, bottom = right): Padding => ({
  left,
  right,
  top,
  bottom,
});

/** Both gradients in float32 against difference quotients, at a few elements. */
export function checkDifferenceQuotients(
  convolution: (x: Tensor, weight: Tensor) => Tensor,
  x: Tensor,
  weight: Tensor,
): void {
  const loss = (a: Tensor, b: Tensor): Tensor => {
    const y = convolution(a, b);
    return sum(mul(y, random(y.shape, 3)));
  };
  const step = 0.25; // the loss is linear in either argument: rounding is all that limits the quotient
  for (const which of [0, 1] as const) {
    const leaf = detach([x, weight][which]).requireGradient();
    const gradient = gradientOf(which === 0 ? loss(leaf, weight) : loss(x, leaf), leaf).toNumbers();
    for (const index of [0, 7, 100, 287]) {
      const moved = (by: number): number => {
        const values = leaf.toNumbers();
        values[index] += by;
        const changed = channelsLast(fromArray(values, leaf.shape));
        return (which === 0 ? loss(changed, weight) : loss(x, changed)).item();
      };
      expect((moved(step) - moved(-step)) / (2 * step)).toBeCloseTo(gradient[index], 4);
    }
  }
}
