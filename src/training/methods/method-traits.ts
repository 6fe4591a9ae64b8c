/** What is known of each training method apart from its step, so that a recipe is read without libtorch. */

/**
 * What becomes of the images beside the clean ones: the attack that was chosen, one step that reuses gradients of the training,
 * uniform or random-sign noise of its norm and epsilon, or a copy of the clean ones; none where there are no such images.
 */
export type Perturbation = "attack" | "single-step" | "noise" | "sign-noise" | "copy" | "none";

export interface MethodTraits {
  readonly perturbation: Perturbation;
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
  "clean-copy": { perturbation: "copy", cleanLoss: true },
  noise: { perturbation: "noise", cleanLoss: true },
  "sign-noise": { perturbation: "sign-noise", cleanLoss: true },
  advprop: { perturbation: "attack", cleanLoss: true },
  "fine-grained": { perturbation: "attack", cleanLoss: true },
  "fast-advprop": { perturbation: "single-step", cleanLoss: true },
} as const satisfies Readonly<Record<string, MethodTraits>>;

export type MethodName = keyof typeof METHOD_TRAITS;

/** Whether a method's step has an adversarial loss, or one in its place, beside the clean one. */
export const hasTwoLosses = ({ perturbation, cleanLoss }: MethodTraits): boolean =>
  perturbation !== "none" && cleanLoss;

/** Share of the images that Fast AdvProp attacks: four clean images for each adversarial one, as in its paper. */
export const ADVERSARIAL_SHARE = 0.2;
