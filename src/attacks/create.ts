/** From an attack's options, as a recipe or the command line gives them, to the attack. */
import type { Attack } from "./attack.js";
import { pgd } from "./pgd.js";
import type { Target } from "./target.js";
import { linf } from "./threat-model.js";

export interface AttackOptions {
  readonly name: "pgd";
  readonly norm: "linf";
  /** In pixels of [0, 1], as are step sizes. */
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  readonly target: Target;
  readonly randomStart: boolean;
}

export function createAttack({ epsilon, stepSize, steps, target, randomStart }: AttackOptions): Attack {
  return pgd({ threatModel: linf(epsilon), stepSize, steps, target, randomStart });
}
