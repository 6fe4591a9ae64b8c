/** Noisy curves made readable. */

/**
 * The exponential mean of what came so far, s = w s + (1 - w) x, divided by 1 - w^n so that the beginning is not drawn to zero.
 *
 * @param weight of the past, in [0, 1)
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
