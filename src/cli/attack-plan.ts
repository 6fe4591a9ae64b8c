/** From the flags of `evaluate` to the attack that it makes. */
import { EVALUATION_EPSILON, EVALUATION_STEPS, evaluationStepSize } from "../attacks/evaluation-defaults.js";
import { EVALUATION_ATTACKS, type EvaluationAttackName } from "../attacks/evaluation-names.js";
import { attackReach } from "../attacks/strength.js";
import { assert, UsageError } from "../errors.js";
import type { AttackPlan } from "../predictors/adversaries.js";
import type { ResolvedAttack } from "../recipes/attack-schema.js";
import { applySettings, resolveRecipe } from "../recipes/resolve.js";

/** Images that a costly attack is made on unless told. */
export const COSTLY_ATTACK_IMAGES = 1000;

export interface CommandAttack extends AttackPlan {
  readonly name: string;
  /** Everything that decides it, as it is saved. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Whether it is made on the first images only unless told. */
  readonly costly: boolean;
}

/** What cannot be set of AutoAttack's members: the protocol is to mean the same everywhere. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  autoattack: ["steps", "stepSize", "target"],
  square: ["steps", "stepSize", "target"],
};

/**
 * An attack of the command line. Those of training are untargeted unless told, the strongest reading of "robust", and as
 * strong as every evaluation's ({@link evaluationPgd}), not as training's.
 *
 * @param settings `attack.name=...` and the like, as the flags give them
 * @throws ERR_SETTING, ERR_RECIPE a value breaks its rule; ERR_ATTACK a flag is none of the attack's
 */
export function attackOfFlags(settings: readonly string[], restarts: number): CommandAttack {
  const name = settingOf(settings, "name");
  if (name === "pgd" || !isEvaluationAttack(name)) {
    const attack = withDefaults(settings, resolved(["attack.target=none", ...settings]));
    const radius = attackReach(attack);
    const plan = { norm: attack.norm, epsilon: radius, restarts, attack };
    const saved = { ...attack, ...(radius !== attack.epsilon && { radius }), restarts };
    return { ...plan, name: attack.name, settings: saved, costly: false };
  }
  const refused = (FIXED[name] ?? ["stepSize", "target"]).find((key) => settingOf(settings, key) !== undefined);
  if (refused !== undefined) {
    throw new UsageError("ERR_ATTACK", `evaluate: ${name} decides ${refused} itself. Leave that flag out`);
  }
  // The rules of distances and counts are those of PGD.
  const others = settings.filter((setting) => !setting.startsWith("attack.name="));
  const ball = withDefaults(settings, resolved(["attack.name=pgd", ...others]));
  const { epsilon } = ball;
  const steps = settingOf(settings, "steps") === undefined || ball.name !== "pgd" ? {} : { steps: ball.steps };
  return {
    name,
    norm: ball.norm,
    epsilon,
    restarts,
    attack: { evaluation: name, ...steps },
    settings: { name, norm: ball.norm, epsilon, ...steps, restarts },
    costly: true,
  };
}

/** The attack of settings whose rules have been checked, at the strength of training. */
function resolved(settings: readonly string[]): ResolvedAttack {
  const { attack } = resolveRecipe(applySettings({}, settings));
  assert(attack !== undefined && "name" in attack, "the default method makes an attack");
  return attack;
}

/** The same with an evaluation's strength in place of training's, wherever no setting says otherwise. */
function withDefaults(settings: readonly string[], attack: ResolvedAttack): ResolvedAttack {
  const or = (key: "epsilon" | "stepSize" | "steps", given: number, otherwise: number) =>
    settingOf(settings, key) === undefined ? otherwise : given;
  const epsilon = or("epsilon", attack.epsilon, EVALUATION_EPSILON[attack.norm]);
  if (attack.name === "fgsm") return { ...attack, epsilon };
  const stepSize = or("stepSize", attack.stepSize, evaluationStepSize(epsilon));
  return { ...attack, epsilon, stepSize, steps: or("steps", attack.steps, EVALUATION_STEPS) };
}

const isEvaluationAttack = (name: string | undefined): name is EvaluationAttackName =>
  (EVALUATION_ATTACKS as readonly (string | undefined)[]).includes(name);

/** The value of `attack.KEY=...`, without its quotes. */
function settingOf(settings: readonly string[], key: string): string | undefined {
  const prefix = `attack.${key}=`;
  return settings
    .find((setting) => setting.startsWith(prefix))
    ?.slice(prefix.length)
    .replace(/^"|"$/g, "");
}
