/** Plans the attack of an evaluation from the user's options. */
import { EVALUATION_EPSILON, EVALUATION_STEPS, evaluationStepSize } from "../../attacks/evaluation/defaults.js";
import { EVALUATION_ATTACKS, type EvaluationAttackName } from "../../attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { attackReach } from "../../attacks/strength.js";
import { assert, didYouMean, UsageError } from "../../errors.js";
import type { AttackPlan } from "../../predictors/adversaries.js";
import type { AttackSpec, ResolvedAttack } from "../../recipes/attack-schema.js";
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import { registeredNames } from "../../registered-parts.js";

/** Default number of images for a costly attack. */
export const COSTLY_ATTACK_IMAGES = 1000;

/**
 * An attack for an evaluation: an attack of training with the same keys, or an attack that only evaluations have. The defaults of the
 * former are: untargeted, epsilon 8/255 (0.5 in the L2 norm), 10 steps, and a step size of epsilon / 4.
 */
export type EvaluationAttackSpec = (
  | AttackSpec
  | {
      readonly name: Exclude<EvaluationAttackName, "pgd">;
      readonly norm?: "linf" | "l2";
      /** Radius, with pixels in [0, 1]: a number, or a fraction such as "8/255". */
      readonly epsilon?: number | string | null;
      /** Not for autoattack and square, whose published protocols fix the number. */
      readonly steps?: number | null;
    }
) & {
  /** Number of runs, each from another random start; by default 1. */
  readonly restarts?: number;
};

export interface EvaluationAttackPlan extends AttackPlan {
  readonly name: string;
  /** All settings of the attack, as they are saved. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Whether the attack is costly, so that by default only the first images are attacked. */
  readonly costly: boolean;
}

type Keys = Readonly<Record<string, unknown>>;

/** Keys that cannot be set for AutoAttack and its attacks, because the published protocol fixes them. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  autoattack: ["steps", "stepSize", "target"],
  square: ["steps", "stepSize", "target"],
};

/**
 * The attack with every default filled in. The defaults are those of evaluations ({@link evaluationPgd}), not those of training.
 *
 * @throws UsageError ERR_SETTING a value breaks its rule; ERR_ATTACK the attack does not have a key
 */
export function planAttack(spec: EvaluationAttackSpec): EvaluationAttackPlan {
  const { restarts = 1, ...keys } = spec;
  if (!Number.isSafeInteger(restarts) || restarts < 1) {
    throw new UsageError("ERR_ATTACK", `evaluate: \`restarts\` must be a positive integer; got ${restarts}`);
  }
  const name = "name" in keys ? keys.name : undefined;
  if (name !== undefined) checkName(name);
  if (name === undefined || name === "pgd" || !isEvaluationAttack(name)) {
    const attack = withDefaults(keys, resolved({ target: "none", ...keys }));
    const radius = attackReach(attack);
    const plan = { norm: attack.norm, epsilon: radius, restarts, attack };
    const saved = { ...attack, ...(radius !== attack.epsilon && { radius }), restarts };
    return { ...plan, name: attack.name, settings: saved, costly: false };
  }
  const { name: _, ...others }: Keys = keys;
  const refused = (FIXED[name] ?? ["stepSize", "target"]).find((key) => others[key] !== undefined);
  if (refused !== undefined) {
    throw new UsageError("ERR_ATTACK", `evaluate: the protocol of ${name} fixes ${refused}. Leave it out`);
  }
  // PGD's rules for distances and counts apply to these attacks too.
  const ball = withDefaults(others, resolved({ name: "pgd", ...others }));
  const { norm, epsilon } = ball;
  const steps = others.steps === undefined || ball.name !== "pgd" ? {} : { steps: ball.steps };
  return {
    name,
    norm,
    epsilon,
    restarts,
    attack: { evaluation: name, ...steps },
    settings: { name, norm, epsilon, ...steps, restarts },
    costly: true,
  };
}

/** @throws UsageError ERR_ATTACK there is no attack of that name */
function checkName(name: string): void {
  const known = [...new Set([...EVALUATION_ATTACKS, ...TRAINING_ATTACKS, ...registeredNames("attack")])];
  if (known.includes(name)) return;
  throw new UsageError(
    "ERR_ATTACK",
    `there is no attack ${name}.${didYouMean(name, known)} Known are ${known.join(", ")}. For your own attack, give the file that registers it with \`parts\``,
  );
}

/** The attack of some keys, after a check, with the default strength of training. */
function resolved(keys: Keys): ResolvedAttack {
  const changes = Object.entries(keys).map(([key, value]) => ({ path: `attack.${key}`, value }));
  const { attack } = resolveRecipe(changeRecipe({}, changes));
  assert(attack !== undefined && "name" in attack, "the default method makes an attack");
  return attack;
}

/** Replaces the default strength of training by that of evaluations. */
function withDefaults(keys: Keys, attack: ResolvedAttack): ResolvedAttack {
  const or = (key: "epsilon" | "stepSize" | "steps", given: number, otherwise: number) =>
    keys[key] === undefined ? otherwise : given;
  const epsilon = or("epsilon", attack.epsilon, EVALUATION_EPSILON[attack.norm]);
  if (attack.name === "fgsm") return { ...attack, epsilon };
  const stepSize = or("stepSize", attack.stepSize, evaluationStepSize(epsilon));
  return { ...attack, epsilon, stepSize, steps: or("steps", attack.steps, EVALUATION_STEPS) };
}

const isEvaluationAttack = (name: string): name is EvaluationAttackName =>
  (EVALUATION_ATTACKS as readonly string[]).includes(name);
