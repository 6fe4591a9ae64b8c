/** Attacks of one's own, by name. */
import { didYouMean, UsageError } from "../errors.js";
import type { Attack } from "./attack.js";
import type { Target } from "./target.js";
import type { Norm } from "./threat-model.js";

/** What a recipe says of an attack of one's own. */
export interface OwnAttackOptions {
  readonly norm: Norm;
  /** With pixels in [0, 1], as the step size. */
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly target: Target;
  readonly randomStart: boolean;
  readonly cleanStartProbability: number;
}

export interface OwnAttack {
  /** As recipes name it: `attack: { name: registered, attack: NAME }`. */
  readonly name: string;
  /** How many gradients of the network it takes for each image, for the cost of a step; by default one a step. */
  readonly gradients?: (options: OwnAttackOptions) => number;
  create(options: OwnAttackOptions): Attack;
}

const REGISTERED = new Map<string, OwnAttack>();

/**
 * Adds an attack, which recipes and `evaluate` then know: `attack: { name: "registered", attack: NAME, epsilon: "2/255" }`.
 *
 * @throws UsageError ERR_ATTACK the name is taken
 */
export function registerAttack(attack: OwnAttack): void {
  if (REGISTERED.has(attack.name)) {
    throw new UsageError(
      "ERR_ATTACK",
      `registerAttack: there is an attack ${attack.name} already. Choose another name`,
    );
  }
  REGISTERED.set(attack.name, attack);
}

export const isRegistered = (name: unknown): boolean => REGISTERED.has(String(name));

/** @throws UsageError ERR_ATTACK there is none of that name */
export function registeredAttack(name: string): OwnAttack {
  const found = REGISTERED.get(name);
  if (found !== undefined) return found;
  const known = [...REGISTERED.keys()];
  throw new UsageError(
    "ERR_ATTACK",
    `no attack ${name} is registered.${didYouMean(name, known)} Call registerAttack before`,
  );
}
