/** Smoothing of noisy curves. */

/**
 * The exponential moving average of the values, s = w s + (1 - w) x, divided by 1 - w^n, so that it is not biased to zero at the
 * beginning.
 *
 * @param weight weight w of the earlier values, in [0, 1)
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let sum = 0;
  let norm = 1;
  let last = Number.NaN;
  return values.map((value) => {
    if (Number.isFinite(value)) {
      sum = weight * sum + (1 - weight) * value;
      norm *= weight;
      last = sum / (1 - norm);
    }
    return last;
  });
}
