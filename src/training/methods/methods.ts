/** The training methods: the requirements, cost and step of each. */
import { ONE_VIEW, type ViewSource } from "../../data/loading/view-sources.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { adversarialStep } from "./adversarial.js";
import { advPropStep } from "./advprop.js";
import { fastAdvPropStep } from "./fast-advprop.js";
import { fineGrainedStep } from "./fine-grained.js";
import { ADVERSARIAL_SHARE, METHOD_TRAITS, type MethodName, type MethodTraits } from "./method-traits.js";
import { mixtureStep } from "./mixture.js";
import { FINE_GRAINED_ROUTES, type RouteFeeds, viewsOf } from "./routes.js";
import type { AttackStepParts, TrainingStep } from "./step.js";
import { vanillaStep } from "./vanilla.js";
import { vanillaDoubledStep } from "./vanilla-doubled.js";
import { vanillaTwoViewsStep } from "./vanilla-two-views.js";

export interface Method extends MethodTraits {
  /** The auxiliary routes that the network must have. */
  readonly routes: readonly string[];
  /** The route of perturbed images. */
  readonly perturbedRoute: string;
  /** The views of each image that the loader must make. */
  readonly views: readonly ViewSource[];
  /** Number of training passes over the mini-batch's N images in a step. */
  readonly trainingPasses: number;
  /** How often a step attacks the mini-batch's N images. */
  readonly attacks: number;
  makeStep(parts: AttackStepParts): TrainingStep;
}

/** Trains on clean images, through the main batch norms. */
const CLEAN = { routes: [], perturbedRoute: MAIN_ROUTE, views: ONE_VIEW, attacks: 0 } as const;

/** AdvProp's step, with adversarial images or others in their place. */
const AUXILIARY = {
  routes: ["aux"],
  perturbedRoute: "aux",
  views: ONE_VIEW,
  trainingPasses: 2,
  attacks: 0,
  makeStep:
    (parts: AttackStepParts): TrainingStep =>
    (batch) =>
      advPropStep(parts, batch),
} as const;

/** Fine-grained AdvProp with the given routes. METHOD_TABLE has it with the routes of the paper. */
export function fineGrained(routes: RouteFeeds): Method {
  const names = Object.keys(routes);
  const attacked = names.filter((name) => routes[name].attacked);
  return {
    ...METHOD_TRAITS["fine-grained"],
    perturbation: attacked.length > 0 ? "attack" : "none",
    routes: names.filter((name) => name !== MAIN_ROUTE),
    perturbedRoute: attacked[0] ?? MAIN_ROUTE,
    views: viewsOf(routes),
    trainingPasses: names.length,
    attacks: attacked.length,
    makeStep: (parts) => (batch) => fineGrainedStep(parts, routes, batch),
  };
}

/** Fast AdvProp that attacks a share of the images. An attacked image has two training passes, and the attack's gradient is free. */
export function fastAdvProp(share: number): Method {
  return {
    ...METHOD_TRAITS["fast-advprop"],
    routes: ["aux"],
    perturbedRoute: "aux",
    views: ONE_VIEW,
    trainingPasses: 1 + share,
    attacks: 0,
    makeStep: (parts) => (batch) => fastAdvPropStep(parts, share, batch),
  };
}

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
    views: ["strong", "strong"],
    trainingPasses: 2,
    makeStep: (parts) => (batch) => vanillaTwoViewsStep(parts, batch),
  },
  adversarial: {
    ...METHOD_TRAITS.adversarial,
    ...CLEAN,
    attacks: 1,
    trainingPasses: 1,
    makeStep: (parts) => (batch) => adversarialStep(parts, batch),
  },
  mixture: {
    ...METHOD_TRAITS.mixture,
    ...CLEAN,
    attacks: 1,
    trainingPasses: 2,
    makeStep: (parts) => (batch) => mixtureStep(parts, batch),
  },
  /** AdvProp without a perturbation: the control for the effect of the second batch norm and the second pass. */
  "clean-copy": { ...METHOD_TRAITS["clean-copy"], ...AUXILIARY },
  /** AdvProp with uniform noise in place of the attack. */
  noise: { ...METHOD_TRAITS.noise, ...AUXILIARY },
  /** AdvProp with noise of the size of PGD-1: the control for the direction of the attack. */
  "sign-noise": { ...METHOD_TRAITS["sign-noise"], ...AUXILIARY },
  advprop: { ...METHOD_TRAITS.advprop, ...AUXILIARY, attacks: 1 },
  "fine-grained": fineGrained(FINE_GRAINED_ROUTES),
  "fast-advprop": fastAdvProp(ADVERSARIAL_SHARE),
} as const satisfies Readonly<Record<MethodName, Method>>;

/**
 * The cost of a step in forward-backward units. A training pass over the mini-batch costs 1. A gradient for the attack costs 2/3: a
 * forward pass and half a backward pass, because the gradients of the weights are not computed. AdvProp with five attack steps costs
 * 5.33, with one 2.67.
 *
 * @param attackGradients number of gradients that the attack computes for each image
 */
export function forwardBackwardUnits({ trainingPasses, attacks }: Method, attackGradients: number): number {
  return trainingPasses + (2 / 3) * attackGradients * attacks;
}
