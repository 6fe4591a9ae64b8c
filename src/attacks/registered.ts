/** Attacks of the user, by name. */
import { UsageError } from "../errors.js";
import { noteRegistered } from "../registered-parts.js";
import type { Attack } from "./attack.js";
import { EVALUATION_ATTACKS } from "./evaluation/names.js";
import { TRAINING_ATTACKS } from "./names.js";
import type { Target } from "./target.js";
import type { Norm } from "./threat-model.js";

/**
 * The name of a registered attack, as `registerAttack` returns it: any text. It is an enumeration that is only declared, so that for the
 * type checker it differs from the names of the built-in attacks.
 */
export declare enum OwnAttackName {
  Any = "",
}

/** The options of a registered attack in a recipe, an evaluation or `advprop attack`. */
export interface OwnAttackOptions {
  readonly norm: Norm;
  /** Radius, with pixels in [0, 1], as for the step size. */
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  /** "given": the labels are the targets, as `advprop attack --target CLASS` has it. */
  readonly target: Target | "given";
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
  /** Of the labels or targets of the attack's loss. */
  readonly labelSmoothing: number;
  /** The attack's own keys. */
  readonly parameters: Readonly<Record<string, number>>;
}

export interface OwnAttack {
  /** The name in recipes and in `--attack`. */
  readonly name: string;
  /** Keys of its own, with their defaults: numbers, which recipes set as `attack: { name: NAME, KEY: 0.9 }`. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** How many gradients of the network it computes for each image, to know the cost of a step; by default one per step. */
  readonly gradients?: (options: OwnAttackOptions) => number;
  create(options: OwnAttackOptions): Attack;
}

/** The keys of every registered attack. */
export const COMMON_KEYS = [
  "name",
  "norm",
  "epsilon",
  "stepSize",
  "steps",
  "randomStart",
  "cleanStartProbability",
  "target",
  "statistics",
  "stochastic",
  "labelSmoothing",
] as const;

const TAKEN: readonly string[] = [...TRAINING_ATTACKS, ...EVALUATION_ATTACKS, "noise", "sign-noise"];
const REGISTERED = new Map<string, OwnAttack>();

/**
 * Adds an attack for recipes and `evaluate`: `attack: { name: NAME, epsilon: "2/255" }`.
 *
 * @returns its name, for `train` and `evaluate` in TypeScript
 * @throws UsageError ERR_ATTACK the name is taken, `create` is no function, or a parameter is no number or has the name of a key that every attack has
 */
export function registerAttack(attack: OwnAttack): OwnAttackName {
  const { name, parameters = {} } = attack;
  if (REGISTERED.has(name) || TAKEN.includes(name)) {
    throw new UsageError("ERR_ATTACK", `registerAttack: an attack ${name} exists already. Choose another name`);
  }
  if (typeof attack.create !== "function") {
    throw new UsageError(
      "ERR_ATTACK",
      `registerAttack: ${name} must have a function \`create\`; got ${typeof attack.create}`,
    );
  }
  for (const [key, value] of Object.entries(parameters)) {
    if (!/^[A-Za-z]\w*$/.test(key) || COMMON_KEYS.some((common) => common === key)) {
      throw new UsageError(
        "ERR_ATTACK",
        `registerAttack: a parameter must be a word that is none of ${COMMON_KEYS.join(", ")}; got ${key}. Choose another name`,
      );
    }
    if (!Number.isFinite(value)) {
      throw new UsageError("ERR_ATTACK", `registerAttack: the default of ${key} must be a number; got ${value}`);
    }
  }
  noteRegistered("attack", name);
  REGISTERED.set(name, attack);
  return name as unknown as OwnAttackName;
}

/** In the order in which they were registered. */
export const registeredAttacks = (): readonly OwnAttack[] => [...REGISTERED.values()];

/** @throws UsageError ERR_ATTACK no attack has this name */
export function registeredAttack(name: string): OwnAttack {
  const found = REGISTERED.get(name);
  if (found !== undefined) return found;
  throw new UsageError(
    "ERR_ATTACK",
    `there is no attack ${name}. Known are ${[...TRAINING_ATTACKS, ...REGISTERED.keys()].join(", ")}. Call registerAttack first`,
  );
}
