/** What is known of each training method apart from its step, so that a recipe is read without libtorch. */

export interface MethodTraits {
  /** What perturbs the images: the attack that was chosen, random noise of its norm and epsilon, or nothing. */
  readonly perturbation: "attack" | "noise" | "none";
  /** Whether a step adds the loss of clean images, beside that of perturbed ones where there are such. */
  readonly cleanLoss: boolean;
}

/** The methods by name. */
export const METHOD_TRAITS = {
  vanilla: { perturbation: "none", cleanLoss: true },
  "vanilla-doubled": { perturbation: "none", cleanLoss: true },
  "vanilla-two-views": { perturbation: "none", cleanLoss: true },
  adversarial: { perturbation: "attack", cleanLoss: false },
  mixture: { perturbation: "attack", cleanLoss: true },
  noise: { perturbation: "noise", cleanLoss: true },
  advprop: { perturbation: "attack", cleanLoss: true },
} as const satisfies Readonly<Record<string, MethodTraits>>;

export type MethodName = keyof typeof METHOD_TRAITS;
