/** From an attack's options, as a recipe or the command line gives them, to the attack. */
import type { Attack } from "./attack.js";
import { noise, signNoise } from "./noise.js";
import { fgsm, gd, iFgsm, pgd } from "./pgd.js";
import { type OwnAttackName, type OwnAttackOptions, registeredAttack } from "./registered.js";
import type { Target } from "./target.js";
import { type Norm, threatModel } from "./threat-model.js";

/** The ball. */
interface Ball {
  readonly norm: Norm;
  /** With pixels in [0, 1], as are step sizes. */
  readonly epsilon: number;
}

interface Steps extends Ball {
  readonly stepSize: number;
  readonly steps: number;
  readonly target: Target | "given";
  /** Of the labels or targets of the attack's loss; 0 unless given. */
  readonly labelSmoothing?: number;
}

interface RandomStart {
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
}

/** One of one's own, with its parameters beside the other keys. */
type OwnOptions = { readonly name: OwnAttackName } & Steps & RandomStart & { readonly [parameter: string]: unknown };

/** An attack by its name, with what that attack needs. */
export type AttackOptions =
  | ({ readonly name: "pgd" | "gd" } & Steps & RandomStart)
  | OwnOptions
  | ({ readonly name: "i-fgsm" } & Steps)
  | ({ readonly name: "fgsm"; readonly target: Target | "given"; readonly labelSmoothing?: number } & Ball)
  | ({ readonly name: "noise" | "sign-noise" } & Ball);

/** @throws ERR_EPSILON, ERR_ATTACK_STEPS, ERR_PROBABILITY as {@link pgd} */
export function createAttack(options: AttackOptions): Attack {
  const ball = threatModel(options.norm, options.epsilon);
  switch (options.name) {
    case "pgd":
      return pgd({ ...options, threatModel: ball });
    case "gd":
      return gd({ ...options, threatModel: ball });
    case "i-fgsm":
      return iFgsm({ ...options, threatModel: ball });
    case "fgsm":
      return fgsm({ ...options, threatModel: ball });
    case "noise":
      return noise(ball);
    case "sign-noise":
      return signNoise(ball);
    default:
      return registeredAttack(options.name).create(withParameters(options));
  }
}

/** How many gradients of the network an attack takes for each image: what it costs. */
export function attackGradients(options: AttackOptions): number {
  switch (options.name) {
    case "pgd":
    case "gd":
    case "i-fgsm":
      return options.steps;
    case "fgsm":
      return 1;
    case "noise":
    case "sign-noise":
      return 0;
    default:
      return registeredAttack(options.name).gradients?.(withParameters(options)) ?? options.steps;
  }
}

/** The options as an attack of one's own gets them: its parameters by themselves, with their defaults where none is given. */
function withParameters(options: OwnOptions): OwnAttackOptions {
  const defaults = registeredAttack(options.name).parameters ?? {};
  const entries = Object.entries(defaults).map(([key, value]) => [key, Number(options[key] ?? value)] as const);
  const { norm, epsilon, stepSize, steps, target, randomStart, cleanStartProbability, labelSmoothing = 0 } = options;
  const common = { norm, epsilon, stepSize, steps, target, randomStart, cleanStartProbability, labelSmoothing };
  return { ...common, parameters: Object.fromEntries(entries) };
}
