/** Names of the attacks of training, apart from the attacks so that a command line can list them without libtorch. */
export const TRAINING_ATTACKS = ["pgd", "i-fgsm", "gd", "fgsm"] as const;
