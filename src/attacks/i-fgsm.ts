/** The iterative fast gradient sign method. Kurakin et al. 2017, section 2.2, https://arxiv.org/abs/1607.02533 */
import type { Attack } from "./attack.js";
import { type PgdOptions, pgd } from "./pgd.js";

export type IFgsmOptions = Omit<PgdOptions, "randomStart" | "cleanStartProbability">;

/** PGD from the images themselves, without a random start. @throws as {@link pgd} */
export function iFgsm(options: IFgsmOptions): Attack {
  return pgd({ ...options, randomStart: false });
}
