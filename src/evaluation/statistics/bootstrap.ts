/** Bootstrap intervals of means and of paired differences. */
import { assert } from "../../errors.js";
import { KeyedRandom, Purpose } from "../../random.js";

/** A value with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

/**
 * The means of several columns of values over the same images, each with its 95 % percentile bootstrap interval. Images are
 * resampled with replacement, in the same way for every column. The intervals hold for the same models on other images, not
 * for other trainings.
 *
 * Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13
 *
 * @param columns each (N), a value for each image, for instance 1 where a model is right
 * @param seed    of the resampling
 */
export function bootstrapMeans(columns: readonly ArrayLike<number>[], seed: number): Interval[] {
  const count = columns[0]?.length ?? 0;
  assert(
    count > 0 && columns.every(({ length }) => length === count),
    `columns must have the same images: ${columns.map(({ length }) => length).join(", ")}`,
  );
  const means = columns.map(() => new Float64Array(RESAMPLES));
  const drawn = new Uint32Array(count);
  for (let r = 0; r < RESAMPLES; r++) {
    const random = new KeyedRandom(seed, Purpose.evaluation, 0, r);
    for (let i = 0; i < count; i++) drawn[i] = random.integer(i, count);
    for (const [c, values] of columns.entries()) {
      let total = 0;
      for (let i = 0; i < count; i++) total += values[drawn[i]];
      means[c][r] = total / count;
    }
  }
  const quantile = (sorted: Float64Array, share: number) => sorted[Math.round(share * (RESAMPLES - 1))];
  return columns.map((values, c) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += values[i];
    const sorted = means[c].sort();
    return { value: total / count, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
  });
}

/**
 * The mean of the paired differences b - a with its 95 % interval: {@link bootstrapMeans} on the same images.
 *
 * @param a    (N) a value for each image, for instance 1 where it is right
 * @param seed of the resampling
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>, seed: number): Interval {
  assert(a.length === b.length, `paired values must have the same length: ${a.length} and ${b.length}`);
  return bootstrapMeans([Float64Array.from({ length: a.length }, (_, i) => b[i] - a[i])], seed)[0];
}

/**
 * The 95 % interval of a share of `count` images.
 *
 * Source: Wilson 1927, Probable inference, the law of succession, and statistical inference
 */
export function wilsonInterval(share: number, count: number): Interval {
  const z = 1.959964;
  const centre = (share + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const half = (z / (1 + z ** 2 / count)) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
