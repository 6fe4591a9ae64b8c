/** The training methods: what each needs, what it costs, and its step. */
import { MAIN_ROUTE } from "../nn/context.js";
import { adversarialStep } from "./adversarial.js";
import { advPropStep } from "./advprop.js";
import { mixtureStep } from "./mixture.js";
import type { AttackStepParts, TrainingStep } from "./step.js";
import { vanillaStep } from "./vanilla.js";
import { vanillaDoubledStep } from "./vanilla-doubled.js";
import { vanillaTwoViewsStep } from "./vanilla-two-views.js";

export interface Method {
  /** The auxiliary routes that the network must have. */
  readonly routes: readonly string[];
  /** What perturbs the images: the attack that was chosen, random noise of its norm and epsilon, or nothing. */
  readonly perturbation: "attack" | "noise" | "none";
  /** The route that perturbed images go through. */
  readonly perturbedRoute: string;
  /** Views of each image that the loader must give. */
  readonly views: 1 | 2;
  /** Training passes over the mini-batch's N images in a step. */
  readonly trainingPasses: number;
  makeStep(parts: AttackStepParts): TrainingStep;
}

/** Trains on clean images, through the main batch norms. */
const CLEAN = { routes: [], perturbation: "none", perturbedRoute: MAIN_ROUTE, views: 1 } as const;

/** The methods by name. */
export const METHOD_TABLE = {
  vanilla: { ...CLEAN, trainingPasses: 1, makeStep: (parts) => (batch) => vanillaStep(parts, batch) },
  "vanilla-doubled": { ...CLEAN, trainingPasses: 1, makeStep: (parts) => (batch) => vanillaDoubledStep(parts, batch) },
  "vanilla-two-views": {
    ...CLEAN,
    views: 2,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => vanillaTwoViewsStep(parts, batch),
  },
  adversarial: {
    ...CLEAN,
    perturbation: "attack",
    trainingPasses: 1,
    makeStep: (parts) => (batch) => adversarialStep(parts, batch),
  },
  mixture: {
    ...CLEAN,
    perturbation: "attack",
    trainingPasses: 2,
    makeStep: (parts) => (batch) => mixtureStep(parts, batch),
  },
  /** AdvProp with random noise in place of the attack: the control for the second batch norm alone. */
  noise: {
    routes: ["aux"],
    perturbation: "noise",
    perturbedRoute: "aux",
    views: 1,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => advPropStep(parts, batch),
  },
  advprop: {
    routes: ["aux"],
    perturbation: "attack",
    perturbedRoute: "aux",
    views: 1,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => advPropStep(parts, batch),
  },
} as const satisfies Readonly<Record<string, Method>>;

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
