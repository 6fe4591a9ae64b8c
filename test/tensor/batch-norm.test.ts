/** The batch norm kernel against libtorch's operators in float64: every form, shape and activation, values and gradients. */
import { describe, expect, test } from "vitest";
import {
  accumulateGradients,
  call,
  type DType,
  fromArray,
  gradientOf,
  scope,
  setThreads,
  type Tensor,
} from "../../src/tensor/index.js";
import { type Activation, batchNorm, cast, channelsLast, mul, sum } from "../../src/tensor/operators.js";
import { KeyedRandom } from "../../src/random.js";

interface Setting {
  readonly shape: readonly [number, number, number, number];
  readonly activation: Activation;
  readonly batch: boolean;
  readonly residual: boolean;
}

const EPSILON = 1e-3;

/** Values of mean 3, so that sums of squares would cancel. */
function values(count: number, stream: number, offset: number): number[] {
  const random = new KeyedRandom(7, 1, 0, 0, stream);
  return Array.from({ length: count }, (_, i) => offset + random.normal(i));
}

/** The operator's result, its gradients and the moved statistics, all as numbers. */
function run({ shape, activation, batch, residual }: Setting, dtype: DType, view = false): Record<string, number[]> {
  return scope(() => {
    const [n, c, h, w] = shape;
    const wide = dtype === "float64" ? "float64" : "float32";
    const tensor = (stream: number, offset: number): Tensor => {
      // Rounded to bfloat16 in every dtype, so that all compute the same.
      const made = cast(cast(fromArray(values(n * c * h * w, stream, offset), [n, h, w, c]), "bfloat16"), dtype);
      const x = call("aten::permute", [made, [0, 3, 1, 2]]);
      return view ? call("aten::contiguous", [x]) : channelsLast(x);
    };
    const perChannel = (stream: number, offset: number) =>
      cast(fromArray(values(c, stream, offset).map((value) => Math.abs(value) + 0.5), [c]), wide);
    const x = tensor(1, 3).requireGradient();
    const other = residual ? tensor(2, 0).requireGradient() : undefined;
    const scale = perChannel(3, 0).requireGradient();
    const shift = perChannel(4, -1).requireGradient();
    const [runningMean, runningVariance] = [perChannel(5, 2), perChannel(6, 1)];
    const y = batchNorm(x, {
      scale,
      shift,
      runningMean,
      runningVariance,
      batch,
      factor: 0.3,
      epsilon: EPSILON,
      residual: other,
      activation,
    });
    const leaves = [x, scale, shift, ...(other === undefined ? [] : [other])];
    accumulateGradients(sum(mul(cast(y, wide), cast(tensor(8, 0), wide))), leaves);
    const gradient = (leaf: Tensor) => gradientNumbers(leaf);
    return {
      y: y.toNumbers(),
      gradX: gradient(x),
      gradScale: gradient(scale),
      gradShift: gradient(shift),
      gradResidual: other === undefined ? [] : gradient(other),
      runningMean: runningMean.toNumbers(),
      runningVariance: runningVariance.toNumbers(),
    };
  });
}
