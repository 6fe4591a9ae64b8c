/** Tests whether paired differences can be chance, without an assumption about their distribution. */
import { UsageError } from "../../errors.js";

/** Maximum number of pairs. More would need more than 2^20 combinations of signs. */
export const MOST_PAIRS = 20;

/**
 * The two-sided p-value of the sign-flip test (Fisher's randomisation test for pairs). It is a share of all 2^n choices of the
 * differences' signs: of those whose sum is at least as far from zero as the measured one. With n pairs p is at least 2^(1 -
 * n). So three seeds cannot reach 0.05, and six can.
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
  // A tolerance for the rounding of sums that are equal to the measured one.
  const atLeast = measured - 1e-12 * differences.reduce((sum, one) => sum + Math.abs(one), 0);
  let count = 0;
  const visit = (position: number, sum: number): void => {
    if (position === length) {
      if (Math.abs(sum) >= atLeast) count++;
      return;
    }
    visit(position + 1, sum + differences[position]);
    visit(position + 1, sum - differences[position]);
  };
  visit(0, 0);
  return count / 2 ** length;
}
