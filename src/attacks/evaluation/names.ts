/** Names of the attacks of an evaluation, in their own file so that the command line can list them without libtorch. */

/** "autoattack" is apgd-ce, apgd-t, fab and square, one after the other. */
export const EVALUATION_ATTACKS = ["autoattack", "apgd-ce", "apgd-dlr", "apgd-t", "fab", "square", "pgd"] as const;

export type EvaluationAttackName = (typeof EVALUATION_ATTACKS)[number];
