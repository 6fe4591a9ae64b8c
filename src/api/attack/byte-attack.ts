/** An attack whose result is whole bytes, which can be saved as a picture and classified again. */
import type { Attack } from "../../attacks/attack.js";
import { createAttack } from "../../attacks/create.js";
import { evaluatedAttack, evaluationAttacks } from "../../attacks/evaluation/auto-attack.js";
import { inTurn } from "../../attacks/evaluation/in-turn.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import { UsageError } from "../../errors.js";
import { ATTACK } from "../../nn/context.js";
import type { WhiteBoxPredictor } from "../../predictors/opened.js";
import { checkSeed } from "../../random.js";
import { scope, type Tensor } from "../../tensor/index.js";
import { permute } from "../../tensor/operators.js";
import { batchFromPixels } from "../../training/methods/step.js";
import { type EvaluationAttackPlan, type EvaluationAttackSpec, planAttack } from "../evaluation/attack.js";
import { toBytes } from "./attack-rules.js";

/** The attack and its strength; by default those of an evaluation. */
export interface ByteAttackOptions {
  /** The name of the attack, as in an evaluation; by default pgd. */
  readonly attack?: string;
  /**
   * Other keys of the attack: the own keys of a registered attack, and of the others `randomStart`, `cleanStartProbability` and
   * `labelSmoothing` where the attack has them.
   */
  readonly parameters?: Readonly<Record<string, number | boolean>>;
  /** L-infinity radius, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Steps of the attack. */
  readonly steps?: number;
  /** Of a step, with pixels in [0, 1]. */
  readonly stepSize?: number;
  /** Seed of the random draws: 0 unless given. */
  readonly seed?: number;
}

export interface ByteAttackPlan extends EvaluationAttackPlan {
  readonly seed: number;
}

/** Keys of an attack of an evaluation that are no `parameters` here, and what to do instead. */
const NO_PARAMETERS: Readonly<Record<string, string>> = {
  name: "Give it as the option `attack`",
  norm: "The change of each pixel is limited, which is the L-infinity norm. Leave it out",
  epsilon: "Give it as the option `epsilon`",
  steps: "Give it as the option `steps`",
  stepSize: "Give it as the option `stepSize`",
  target: "Leave it out. To aim at a class, give its name as `target`",
  restarts: "The attack runs once. Leave it out. For a stronger attack give more `steps`, or another attack",
};

/**
 * @throws UsageError ERR_ATTACK there is no such attack, or a key has no effect on it or cannot be a parameter; ERR_SETTING a value breaks
 *   its rule
 */
export function planByteAttack(options: ByteAttackOptions): ByteAttackPlan {
  const { attack: name = "pgd", parameters = {}, epsilon, steps, stepSize, seed = 0 } = options;
  const refused = Object.keys(NO_PARAMETERS).find((key) => parameters[key] !== undefined);
  if (refused !== undefined) {
    throw new UsageError(
      "ERR_ATTACK",
      `attack: the key ${refused} of the attack cannot be set here; got ${parameters[refused]}. ${NO_PARAMETERS[refused]}`,
    );
  }
  checkSeed(seed, "attack");
  const strength = { ...(steps !== undefined && { steps }), ...(stepSize !== undefined && { stepSize }) };
  return { ...planAttack({ ...parameters, name, epsilon, ...strength } as EvaluationAttackSpec), seed };
}

/**
 * The attack on a batch: it turns the bytes (N, S, S, 3) into adversarial ones within epsilon.
 *
 * @param aimed whether the batch's labels are target classes; else the attack is untargeted, away from the labels
 * @throws UsageError ERR_ATTACK it is aimed, and the attack leads away from a class alone
 */
export function byteAttack(
  { classifier, route }: Pick<WhiteBoxPredictor, "classifier" | "route">,
  plan: ByteAttackPlan,
  epsilon: number,
  aimed: boolean,
): (batch: PixelBatch) => Uint8Array {
  const attack = attackOf(plan, classifier.specification.classes.length, aimed);
  const logits = (x: Tensor) => classifier.forward(x, { ...ATTACK, route });
  return (batch) =>
    scope(() => {
      const { images, labels, keys } = batchFromPixels(batch, { seed: plan.seed, epoch: 0 }, classifier.device);
      const changed = permute(attack.perturb(logits, images, labels, keys), [0, 2, 3, 1]).toArray() as Float32Array;
      return toBytes(changed, batch.pixels, epsilon);
    });
}

function attackOf({ attack, name, epsilon }: ByteAttackPlan, classes: number, aimed: boolean): Attack {
  if ("name" in attack) {
    if (!aimed) return evaluatedAttack(attack);
    // Towards a class the last iterate is what the attack is after; away from one, the worst.
    return createAttack({ ...attack, ...("target" in attack && { target: "given" as const }) });
  }
  if (aimed) {
    throw new UsageError(
      "ERR_ATTACK",
      `attack: ${name} leads away from a class alone. Leave \`target\` out, or take pgd`,
    );
  }
  const { evaluation, ...steps } = attack;
  const { attacks } = evaluationAttacks({ name: evaluation, norm: "linf", epsilon, classes, ...steps });
  return inTurn(attacks.map((one) => one.attack));
}
