/** Whether paired differences could be chance alone, without a model of how they are distributed. */
import { UsageError } from "../../errors.js";

/** Above so many pairs there are too many signs to try: 2^20. */
export const MOST_PAIRS = 20;

/**
 * The two-sided p-value of the sign-flip test (Fisher's randomisation test of pairs): of all 2^n ways to choose the signs of
 * the differences, the share whose sum is at least as far from zero as the measured one. With n pairs it is at least
 * 2^(1 - n): three seeds cannot reach 0.05, six can.
 *
 * Source: Fisher 1935, The Design of Experiments, section 21
 *
 * @param differences one for each pair, at most 20
 * @throws UsageError ERR_SEEDS there are none, or more than 20
 */
export function signFlipTest(differences: readonly number[]): number {
  const { length } = differences;
  if (length < 1 || length > MOST_PAIRS) {
    throw new UsageError("ERR_SEEDS", `signFlipTest: there must be 1 to ${MOST_PAIRS} differences; got ${length}`);
  }
  const measured = Math.abs(differences.reduce((sum, one) => sum + one, 0));
  // What rounding may take from a sum that is as large.
  const atLeast = measured - 1e-12 * differences.reduce((sum, one) => sum + Math.abs(one), 0);
  let count = 0;
  const visit = (place: number, sum: number): void => {
    if (place === length) {
      if (Math.abs(sum) >= atLeast) count++;
      return;
    }
    visit(place + 1, sum + differences[place]);
    visit(place + 1, sum - differences[place]);
  };
  visit(0, 0);
  return count / 2 ** length;
}
