/** How sure a difference is. */
import { assert } from "../errors.js";
import { KeyedRandom, Purpose } from "../random.js";

/** A value with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/**
 * The mean of paired differences b - a with its 95 % percentile bootstrap interval: images are drawn anew with
 * replacement, both models seeing the same ones. It speaks of these two models on other images, not of other trainings.
 *
 * Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
 *
 * @param a    (N) a value for each image, for instance 1 where it is right
 * @param seed of the resampling
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>, seed: number): Interval {
  assert(a.length === b.length && a.length > 0, `paired values must be as many: ${a.length} and ${b.length}`);
  const differences = Float64Array.from({ length: a.length }, (_, i) => b[i] - a[i]);
  const mean = (values: Float64Array) => values.reduce((total, value) => total + value, 0) / values.length;
  const means = Float64Array.from({ length: RESAMPLES }, (_, r) => {
    const random = new KeyedRandom(seed, Purpose.evaluation, 0, r);
    let total = 0;
    for (let i = 0; i < differences.length; i++) total += differences[random.integer(i, differences.length)];
    return total / differences.length;
  }).sort();
  const quantile = (share: number) => means[Math.round(share * (RESAMPLES - 1))];
  return { value: mean(differences), low: quantile(0.025), high: quantile(0.975) };
}
