/** Attacks of the user, by name. */
import { didYouMean, UsageError } from "../errors.js";
import type { Attack } from "./attack.js";
import type { Target } from "./target.js";
import type { Norm } from "./threat-model.js";

/** The options of a registered attack in a recipe. */
export interface OwnAttackOptions {
  readonly norm: Norm;
  /** Radius, with pixels in [0, 1], as for the step size. */
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly target: Target;
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
}

export interface OwnAttack {
  /** The NAME in a recipe's `attack: { name: registered, attack: NAME }`. */
  readonly name: string;
  /** How many gradients of the network it computes for each image, to know the cost of a step; by default one per step. */
  readonly gradients?: (options: OwnAttackOptions) => number;
  create(options: OwnAttackOptions): Attack;
}

const REGISTERED = new Map<string, OwnAttack>();

/**
 * Adds an attack for recipes and `evaluate`: `attack: { name: "registered", attack: NAME, epsilon: "2/255" }`.
 *
 * @throws UsageError ERR_ATTACK the name is taken
 */
export function registerAttack(attack: OwnAttack): void {
  if (REGISTERED.has(attack.name)) {
    throw new UsageError("ERR_ATTACK", `registerAttack: an attack ${attack.name} exists already. Choose another name`);
  }
  REGISTERED.set(attack.name, attack);
}

export const isRegistered = (name: unknown): boolean => REGISTERED.has(String(name));

/** @throws UsageError ERR_ATTACK no attack has this name */
export function registeredAttack(name: string): OwnAttack {
  const found = REGISTERED.get(name);
  if (found !== undefined) return found;
  const known = [...REGISTERED.keys()];
  throw new UsageError(
    "ERR_ATTACK",
    `no attack ${name} is registered.${didYouMean(name, known)} Call registerAttack first`,
  );
}
