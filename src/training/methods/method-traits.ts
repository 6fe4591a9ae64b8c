/** Facts about the training methods apart from their steps, so that a recipe can be read without libtorch. */

/**
 * How the perturbed images are made: by the chosen attack, by one step that reuses gradients of the training, by uniform or random-sign
 * noise of the attack's norm and epsilon, or as copies of the clean images. none: there are no perturbed images.
 */
export type Perturbation = "attack" | "single-step" | "noise" | "sign-noise" | "copy" | "none";

export interface MethodTraits {
  readonly perturbation: Perturbation;
  /** Whether a step has a loss of clean images. */
  readonly cleanLoss: boolean;
}

/** The methods by name. */
export const METHOD_TRAITS = {
  vanilla: { perturbation: "none", cleanLoss: true },
  "vanilla-doubled": { perturbation: "none", cleanLoss: true },
  "vanilla-two-views": { perturbation: "none", cleanLoss: true },
  adversarial: { perturbation: "attack", cleanLoss: false },
  mixture: { perturbation: "attack", cleanLoss: true },
  "clean-copy": { perturbation: "copy", cleanLoss: true },
  noise: { perturbation: "noise", cleanLoss: true },
  "sign-noise": { perturbation: "sign-noise", cleanLoss: true },
  advprop: { perturbation: "attack", cleanLoss: true },
  "fine-grained": { perturbation: "attack", cleanLoss: true },
  "fast-advprop": { perturbation: "single-step", cleanLoss: true },
} as const satisfies Readonly<Record<string, MethodTraits>>;

export type MethodName = keyof typeof METHOD_TRAITS;

/** Whether a method's step has a clean loss and a loss of perturbed images. */
export const hasTwoLosses = ({ perturbation, cleanLoss }: MethodTraits): boolean =>
  perturbation !== "none" && cleanLoss;

/** Share of the images that Fast AdvProp attacks: one in five, as in its paper. */
export const ADVERSARIAL_SHARE = 0.2;
