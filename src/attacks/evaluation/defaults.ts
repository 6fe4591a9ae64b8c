/** Defaults of an evaluation's attack, the same for the command line, the library and a suite. */

import type { AttackOptions } from "../create.js";
import type { Norm } from "../square/square.js";
import type { EvaluationAttackName } from "./names.js";

/** The radius by norm: the usual values for CIFAR-10. */
export const EVALUATION_EPSILON = { linf: 8 / 255, l2: 0.5 } as const;

/**
 * The numbers of AutoAttack's protocol: iterations of APGD and FAB, and queries of Square for each image. An attack uses only the numbers
 * that it has here.
 *
 * Source: Croce and Hein 2020, section 5, https://arxiv.org/abs/2003.01690
 */
export const PROTOCOL = {
  autoattack: { steps: 100, queries: 5000 },
  "apgd-ce": { steps: 100 },
  "apgd-dlr": { steps: 100 },
  "apgd-t": { steps: 100 },
  fab: { steps: 100 },
  square: { queries: 5000 },
} satisfies Readonly<Record<Exclude<EvaluationAttackName, "pgd">, object>>;

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
