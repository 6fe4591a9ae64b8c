/** Plans the attack of an evaluation from the user's options. */
import {
  EVALUATION_EPSILON,
  EVALUATION_STEPS,
  evaluationStepSize,
  PROTOCOL,
} from "../../attacks/evaluation/defaults.js";
import { EVALUATION_ATTACKS, type EvaluationAttackName } from "../../attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { COMMON_KEYS } from "../../attacks/registered.js";
import { attackReach } from "../../attacks/strength.js";
import { assert, didYouMean, UsageError } from "../../errors.js";
import type { AttackPlan } from "../../predictors/adversaries.js";
import { checkRestarts } from "../../predictors/restarts.js";
import type { AttackSpec, ResolvedAttack } from "../../recipes/attack-schema.js";
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import { isMapping } from "../../recipes/rules.js";
import { registeredNames } from "../../registered-parts.js";

/** Default number of images for a costly attack. */
export const COSTLY_ATTACK_IMAGES = 1000;

/**
 * An attack for an evaluation: an attack of training with the same keys, or an attack that only evaluations have. The defaults of the
 * former are: untargeted, epsilon 8/255 (0.5 in the L2 norm), 10 steps, and a step size of epsilon / 4. Its keys `statistics` and
 * `stochastic` cannot differ from their defaults, because the attacked network is the one that predicts.
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
  /** Number of runs, each with other random draws; by default 1. More need an attack in which something is random. */
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

/** The attacks whose number of steps is fixed too. */
const WITHOUT_STEPS: readonly string[] = ["autoattack", "square"] satisfies EvaluationAttackName[];

/** The network that is attacked is the one that predicts, so these keys of an attack of training cannot have other values. */
const AS_PREDICTED = { statistics: "running", stochastic: false } as const;

/**
 * The attack with every default filled in. The defaults are those of evaluations ({@link evaluationPgd}), not those of training.
 *
 * @throws UsageError ERR_SETTING a value breaks its rule; ERR_ATTACK a key has no effect on the attack; ERR_RESTARTS as
 *   {@link checkRestarts}
 */
export function planAttack(spec: EvaluationAttackSpec): EvaluationAttackPlan {
  if (!isMapping(spec)) {
    throw new UsageError(
      "ERR_ATTACK",
      `evaluate: \`attack\` must be an object such as { name: "pgd" }; got ${JSON.stringify(spec)}`,
    );
  }
  const { restarts = 1, ...keys } = spec;
  const name = "name" in keys ? keys.name : undefined;
  if (name !== undefined) checkName(name);
  const ofTraining = name === undefined || name === "pgd" || !isEvaluationAttack(name);
  const plan = ofTraining ? trainingPlan(keys, restarts) : protocolPlan(name, keys, restarts);
  checkRestarts(plan);
  return plan;
}

/** The plan of an attack of training. */
function trainingPlan(keys: Keys, restarts: number): EvaluationAttackPlan {
  const attack = withDefaults(keys, resolved({ target: "none", ...keys }));
  checkAsPredicted(attack);
  const radius = attackReach(attack);
  const settings = { ...attack, ...(radius !== attack.epsilon && { radius }), restarts };
  return { name: attack.name, norm: attack.norm, epsilon: radius, restarts, attack, settings, costly: false };
}

/** The plan of AutoAttack or one of its attacks. */
function protocolPlan(name: keyof typeof PROTOCOL, keys: Keys, restarts: number): EvaluationAttackPlan {
  const { name: _, ...others } = keys;
  const taken = ["norm", "epsilon", ...(WITHOUT_STEPS.includes(name) ? [] : ["steps"])];
  const fixed = COMMON_KEYS.find((key) => others[key] !== undefined && !taken.includes(key));
  if (fixed !== undefined) {
    throw new UsageError(
      "ERR_ATTACK",
      `the protocol of ${name} fixes \`attack.${fixed}\`; got ${others[fixed]}. Leave it out: this attack takes only ${taken.join(", ")}`,
    );
  }
  // PGD's rules for distances and counts apply to these attacks too.
  const ball = withDefaults(others, resolved({ name: "pgd", ...others }));
  const { norm, epsilon } = ball;
  const given = isDefault(others.steps) || ball.name !== "pgd" ? {} : { steps: ball.steps };
  const strength = { ...PROTOCOL[name], ...given };
  const settings = { name, norm, epsilon, ...strength, restarts };
  return { name, norm, epsilon, restarts, attack: { evaluation: name, ...strength }, settings, costly: true };
}

/** @throws UsageError ERR_ATTACK the attack of training asks for another pass through the network than that of predictions */
function checkAsPredicted(attack: ResolvedAttack): void {
  for (const [key, value] of Object.entries(AS_PREDICTED)) {
    const got = (attack as Keys)[key];
    if (got === value) continue;
    throw new UsageError(
      "ERR_ATTACK",
      `\`attack.${key}: ${got}\` has no effect outside of training: the attacked network is the one that predicts, ` +
        "with running statistics and without dropout. Leave it out",
    );
  }
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
    isDefault(keys[key]) ? otherwise : given;
  const epsilon = or("epsilon", attack.epsilon, EVALUATION_EPSILON[attack.norm]);
  if (attack.name === "fgsm") return { ...attack, epsilon };
  const stepSize = or("stepSize", attack.stepSize, evaluationStepSize(epsilon));
  return { ...attack, epsilon, stepSize, steps: or("steps", attack.steps, EVALUATION_STEPS) };
}

/** As in a recipe, null is the default. */
const isDefault = (value: unknown): boolean => value === undefined || value === null;

const isEvaluationAttack = (name: string): name is EvaluationAttackName =>
  (EVALUATION_ATTACKS as readonly string[]).includes(name);
