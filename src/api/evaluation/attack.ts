/** The attack of an evaluation, from what is asked for to what is made. */
import { EVALUATION_EPSILON, EVALUATION_STEPS, evaluationStepSize } from "../../attacks/evaluation/defaults.js";
import { EVALUATION_ATTACKS, type EvaluationAttackName } from "../../attacks/evaluation/names.js";
import { TRAINING_ATTACKS } from "../../attacks/names.js";
import { attackReach } from "../../attacks/strength.js";
import { assert, didYouMean, UsageError } from "../../errors.js";
import type { AttackPlan } from "../../predictors/adversaries.js";
import type { AttackSpec, ResolvedAttack } from "../../recipes/attack-schema.js";
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import { registeredNames } from "../../registered-parts.js";

/** Images that a costly attack is made on unless told. */
export const COSTLY_ATTACK_IMAGES = 1000;

/**
 * An attack to evaluate with: one of training's, by the same keys, or one that only an evaluation makes. Those of training
 * are untargeted unless told, with epsilon 8/255 (0.5 in the L2 norm), 10 steps and a step of epsilon / 4.
 */
export type EvaluationAttackSpec = (
  | AttackSpec
  | {
      readonly name: Exclude<EvaluationAttackName, "pgd">;
      readonly norm?: "linf" | "l2";
      /** Radius, with pixels in [0, 1]: a number, or a fraction such as "8/255". */
      readonly epsilon?: number | string | null;
      /** Not of autoattack and square, whose protocols are to mean the same everywhere. */
      readonly steps?: number | null;
    }
) & {
  /** Runs from other random starts, the first included; by default 1. */
  readonly restarts?: number;
};

export interface EvaluationAttackPlan extends AttackPlan {
  readonly name: string;
  /** Everything that decides it, as it is saved. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Whether it is made on the first images only unless told. */
  readonly costly: boolean;
}

type Keys = Readonly<Record<string, unknown>>;

/** What cannot be set of AutoAttack's members: the protocol is to mean the same everywhere. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  autoattack: ["steps", "stepSize", "target"],
  square: ["steps", "stepSize", "target"],
};

/**
 * The attack with every default filled in. It is as strong as every evaluation's ({@link evaluationPgd}), not as training's.
 *
 * @throws UsageError ERR_SETTING a value breaks its rule; ERR_ATTACK a key is none of the attack's
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
    throw new UsageError("ERR_ATTACK", `evaluate: ${name} decides ${refused} itself. Leave it out`);
  }
  // The rules of distances and counts are those of PGD.
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
    `there is no attack ${name}.${didYouMean(name, known)} Known are ${known.join(", ")}. For one of your own give the file that registers it by \`parts\``,
  );
}

/** The attack of keys whose rules have been checked, at the strength of training. */
function resolved(keys: Keys): ResolvedAttack {
  const changes = Object.entries(keys).map(([key, value]) => ({ path: `attack.${key}`, value }));
  const { attack } = resolveRecipe(changeRecipe({}, changes));
  assert(attack !== undefined && "name" in attack, "the default method makes an attack");
  return attack;
}

/** The same with an evaluation's strength in place of training's, wherever nothing else is asked for. */
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
