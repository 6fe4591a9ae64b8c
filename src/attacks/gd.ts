/** Gradient descent without the projection: an attacker of Xie et al. 2020, https://arxiv.org/abs/1911.09665 */
import type { Attack } from "./attack.js";
import { type PgdOptions, pgd } from "./pgd.js";

/**
 * x_0 = start(images); x_{t+1} = stepFreely(x_t, gradient): PGD whose steps are clipped to [0, 1] only, so that it leaves
 * the ball. The change of an image is still bounded: by epsilon for a random start, and by the step size for each step.
 *
 * @throws as {@link pgd}
 */
export function gd({ threatModel, ...options }: PgdOptions): Attack {
  return pgd({ ...options, threatModel: { ...threatModel, advance: threatModel.stepFreely } });
}
