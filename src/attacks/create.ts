/** Creates an attack from its options, as a recipe or the command line gives them. */
import { UsageError } from "../errors.js";
import { Tensor } from "../tensor/index.js";
import type { Attack } from "./attack.js";
import { noise, signNoise } from "./noise.js";
import { fgsm, gd, iFgsm, pgd } from "./pgd.js";
import { type OwnAttackName, type OwnAttackOptions, registeredAttack } from "./registered.js";
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
  readonly target: Target | "given";
  /** Smoothing of the labels or targets of the attack's loss; by default 0. */
  readonly labelSmoothing?: number;
}

interface RandomStart {
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
}

/** A registered attack, with its own parameters beside the common keys. */
type OwnOptions = { readonly name: OwnAttackName } & Steps & RandomStart & { readonly [parameter: string]: unknown };

/** The name of an attack, with the options of that attack. */
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
      return checkedAttack(options.name, registeredAttack(options.name).create(withParameters(options)));
  }
}

/** A registered attack whose result is checked: its shape, not its distance. */
function checkedAttack(name: string, attack: Attack): Attack {
  return {
    perturb(logits, images, labels, keys) {
      const result: unknown = attack.perturb(logits, images, labels, keys);
      if (result instanceof Tensor && result.shape.join() === images.shape.join()) return result;
      const got =
        result instanceof Tensor
          ? `[${result.shape.join(", ")}]`
          : result instanceof Promise
            ? "a Promise: it must not be async"
            : typeof result;
      throw new UsageError(
        "ERR_ATTACK",
        `the attack ${name} must return a tensor of the images' shape, [${images.shape.join(", ")}]; got ${got}`,
      );
    },
  };
}

/** The cost of an attack: how many gradients of the network it computes for each image. */
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

/** The options of a registered attack. Its parameters are separate, and have their defaults if they are not given. */
function withParameters(options: OwnOptions): OwnAttackOptions {
  const defaults = registeredAttack(options.name).parameters ?? {};
  const entries = Object.entries(defaults).map(([key, value]) => [key, Number(options[key] ?? value)] as const);
  const { norm, epsilon, stepSize, steps, target, randomStart, cleanStartProbability, labelSmoothing = 0 } = options;
  const common = { norm, epsilon, stepSize, steps, target, randomStart, cleanStartProbability, labelSmoothing };
  return { ...common, parameters: Object.fromEntries(entries) };
}
