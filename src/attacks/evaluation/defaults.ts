/** Defaults of an evaluation's attack, the same for the command line, the library and a suite. */

import type { AttackOptions } from "../create.js";
import type { Norm } from "../square/square.js";

/** The radius by norm: the usual values for CIFAR-10. */
export const EVALUATION_EPSILON = { linf: 8 / 255, l2: 0.5 } as const;

/** Steps of PGD, I-FGSM and GD. */
export const EVALUATION_STEPS = 10;

/** The size of their steps, in both norms. */
export const evaluationStepSize = (epsilon: number): number => epsilon / 4;

/**
 * PGD-10: 10 steps of epsilon / 4, untargeted, from a random start. Combine it with `bestIterate`, which returns the iterate of each
 * image that is worst for the classifier.
 */
export function evaluationPgd(
  norm: Norm,
  epsilon: number,
  { steps = EVALUATION_STEPS, stepSize = evaluationStepSize(epsilon) } = {},
): Extract<AttackOptions, { name: "pgd" | "gd" }> {
  return { name: "pgd", norm, epsilon, stepSize, steps, target: "none", randomStart: true, cleanStartProbability: 0 };
}
