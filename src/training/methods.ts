/** The training methods: what each needs, what it costs, and its step. */
import { MAIN_ROUTE } from "../nn/context.js";
import { adversarialStep } from "./adversarial.js";
import { advPropStep } from "./advprop.js";
import { METHOD_TRAITS, type MethodName, type MethodTraits } from "./method-traits.js";
import { mixtureStep } from "./mixture.js";
import type { AttackStepParts, TrainingStep } from "./step.js";
import { vanillaStep } from "./vanilla.js";
import { vanillaDoubledStep } from "./vanilla-doubled.js";
import { vanillaTwoViewsStep } from "./vanilla-two-views.js";

export interface Method extends MethodTraits {
  /** The auxiliary routes that the network must have. */
  readonly routes: readonly string[];
  /** The route that perturbed images go through. */
  readonly perturbedRoute: string;
  /** Views of each image that the loader must give. */
  readonly views: 1 | 2;
  /** Training passes over the mini-batch's N images in a step. */
  readonly trainingPasses: number;
  makeStep(parts: AttackStepParts): TrainingStep;
}

/** Trains on clean images, through the main batch norms. */
const CLEAN = { routes: [], perturbedRoute: MAIN_ROUTE, views: 1 } as const;

/** AdvProp's step, whatever takes the place of its adversarial images. */
const AUXILIARY = {
  routes: ["aux"],
  perturbedRoute: "aux",
  views: 1,
  trainingPasses: 2,
  makeStep:
    (parts: AttackStepParts): TrainingStep =>
    (batch) =>
      advPropStep(parts, batch),
} as const;

/** The methods by name. */
export const METHOD_TABLE = {
  vanilla: {
    ...METHOD_TRAITS.vanilla,
    ...CLEAN,
    trainingPasses: 1,
    makeStep: (parts) => (batch) => vanillaStep(parts, batch),
  },
  "vanilla-doubled": {
    ...METHOD_TRAITS["vanilla-doubled"],
    ...CLEAN,
    trainingPasses: 1,
    makeStep: (parts) => (batch) => vanillaDoubledStep(parts, batch),
  },
  "vanilla-two-views": {
    ...METHOD_TRAITS["vanilla-two-views"],
    ...CLEAN,
    views: 2,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => vanillaTwoViewsStep(parts, batch),
  },
  adversarial: {
    ...METHOD_TRAITS.adversarial,
    ...CLEAN,
    trainingPasses: 1,
    makeStep: (parts) => (batch) => adversarialStep(parts, batch),
  },
  mixture: {
    ...METHOD_TRAITS.mixture,
    ...CLEAN,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => mixtureStep(parts, batch),
  },
  /** AdvProp without any perturbation: the control for the second batch norm and the second pass alone. */
  "clean-copy": { ...METHOD_TRAITS["clean-copy"], ...AUXILIARY },
  /** AdvProp with uniform noise in place of the attack. */
  noise: { ...METHOD_TRAITS.noise, ...AUXILIARY },
  /** AdvProp with noise that is as large as PGD-1: the control for the direction of the attack. */
  "sign-noise": { ...METHOD_TRAITS["sign-noise"], ...AUXILIARY },
  advprop: { ...METHOD_TRAITS.advprop, ...AUXILIARY },
} as const satisfies Readonly<Record<MethodName, Method>>;

/**
 * The cost of a step in forward-backward units, 1 for a training pass over the mini-batch. An attack's gradient is 2/3: a
 * forward pass and the half of the backward pass that leads to the images, without the weights' half. AdvProp with five
 * attack steps costs 5.33, with one 2.67.
 *
 * @param attackGradients of the attack for each image
 */
export function forwardBackwardUnits({ trainingPasses, perturbation }: Method, attackGradients: number): number {
  return trainingPasses + (perturbation === "attack" ? (2 / 3) * attackGradients : 0);
}
