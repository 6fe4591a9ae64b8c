/** Keyed normal numbers, from keyed uniform ones. */
import { add, channelsLast, cos, type DrawKey, keyedUniform, log, mul, mul_, select, sqrt } from "./operators.js";
import { scope } from "./scope.js";
import type { DType, Tensor } from "./tensor.js";

/**
 * Standard normal numbers, [N, ...shape], channels-last where 4-D: normal j of a sample is
 * sqrt(-2 ln(u_2j + 2^-24)) cos(2 pi u_(2j+1)), j its flat index in C order and u the draws of {@link keyedUniform}. The
 * same numbers as `KeyedRandom.normal` of src/random.ts, up to rounding.
 *
 * @param samples int64 [N]
 */
export function keyedNormal(samples: Tensor, shape: readonly number[], key: DrawKey, dtype: DType = "float32"): Tensor {
  return scope(() => {
    const draws = keyedUniform(samples, [...shape, 2], key, dtype);
    const pair = draws.shape.length - 1;
    // Exact: uniform numbers are multiples of 2^-24 below 1.
    const first = add(select(draws, pair, 0), 2 ** -24);
    const angle = mul(select(draws, pair, 1), 2 * Math.PI);
    return channelsLast(mul_(sqrt(mul(log(first), -2)), cos(angle)));
  });
}
