/** Creates an attack from its options, as a recipe or the command line gives them. */
import type { Attack } from "./attack.js";
import { noise, signNoise } from "./noise.js";
import { fgsm, gd, iFgsm, pgd } from "./pgd.js";
import { registeredAttack } from "./registered.js";
import type { Target } from "./target.js";
import { type Norm, threatModel } from "./threat-model.js";

/** The ball. */
interface Ball {
  readonly norm: Norm;
  /** Radius, with pixels in [0, 1], as for step sizes. */
  readonly epsilon: number;
}

interface Steps extends Ball {
  readonly stepSize: number;
  readonly steps: number;
  readonly target: Target;
  /** Smoothing of the labels or targets of the attack's loss; by default 0. */
  readonly labelSmoothing?: number;
}

interface RandomStart {
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
}

/** The name of an attack, with the options of that attack. */
export type AttackOptions =
  | ({ readonly name: "pgd" | "gd" } & Steps & RandomStart)
  | ({ readonly name: "registered"; readonly attack: string } & Steps & RandomStart)
  | ({ readonly name: "i-fgsm" } & Steps)
  | ({ readonly name: "fgsm"; readonly target: Target; readonly labelSmoothing?: number } & Ball)
  | ({ readonly name: "noise" | "sign-noise" } & Ball);

/** @throws ERR_EPSILON, ERR_ATTACK_STEPS, ERR_PROBABILITY as {@link pgd} */
export function createAttack(options: AttackOptions): Attack {
  const ball = threatModel(options.norm, options.epsilon);
  switch (options.name) {
    case "pgd":
      return pgd({ ...options, threatModel: ball });
    case "gd":
      return gd({ ...options, threatModel: ball });
    case "registered":
      return registeredAttack(options.attack).create(options);
    case "i-fgsm":
      return iFgsm({ ...options, threatModel: ball });
    case "fgsm":
      return fgsm({ ...options, threatModel: ball });
    case "noise":
      return noise(ball);
    case "sign-noise":
      return signNoise(ball);
  }
}

/** The cost of an attack: how many gradients of the network it computes for each image. */
export function attackGradients(options: AttackOptions): number {
  if (options.name === "registered") {
    return registeredAttack(options.attack).gradients?.(options) ?? options.steps;
  }
  if ("steps" in options) return options.steps;
  return options.name === "fgsm" ? 1 : 0;
}
