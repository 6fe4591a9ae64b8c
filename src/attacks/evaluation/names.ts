/** Names of the attacks of an evaluation, apart from the attacks so that a command line can list them without libtorch. */

/** "autoattack" stands for apgd-ce, apgd-t, fab and square in turn. */
export const EVALUATION_ATTACKS = ["autoattack", "apgd-ce", "apgd-dlr", "apgd-t", "fab", "square", "pgd"] as const;

export type EvaluationAttackName = (typeof EVALUATION_ATTACKS)[number];
