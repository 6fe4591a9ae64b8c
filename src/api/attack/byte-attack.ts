/** PGD whose result is whole bytes: what one would save as a picture and classify again. */
import { bestIterate } from "../../attacks/evaluation/best-iterate.js";
import { EVALUATION_STEPS, evaluationStepSize } from "../../attacks/evaluation/defaults.js";
import { pgd } from "../../attacks/pgd.js";
import { linf } from "../../attacks/threat-model.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import { ATTACK } from "../../nn/context.js";
import type { WhiteBoxPredictor } from "../../predictors/opened.js";
import { scope, type Tensor } from "../../tensor/index.js";
import { permute } from "../../tensor/operators.js";
import { batchFromPixels } from "../../training/methods/step.js";
import { toBytes } from "./attack-rules.js";

export interface ByteAttackSettings {
  /** L-infinity radius, with pixels in [0, 1], as the step size. */
  readonly epsilon: number;
  readonly steps: number;
  readonly stepSize: number;
  /** Of the random start. */
  readonly seed: number;
}

/** The strength of an evaluation, wherever nothing else is asked for. */
export const byteAttackSettings = ({
  epsilon,
  steps = EVALUATION_STEPS,
  stepSize = evaluationStepSize(epsilon),
  seed = 0,
}: Pick<ByteAttackSettings, "epsilon"> & Partial<ByteAttackSettings>): ByteAttackSettings => ({
  epsilon,
  steps,
  stepSize,
  seed,
});

/**
 * The attack on a batch: its bytes (N, S, S, 3) to adversarial ones, within epsilon of them.
 *
 * @param aimed whether the batch's labels are the classes to reach; else they are those to lead away from
 */
export function byteAttack(
  { classifier, route }: Pick<WhiteBoxPredictor, "classifier" | "route">,
  { epsilon, steps, stepSize, seed }: ByteAttackSettings,
  aimed: boolean,
): (batch: PixelBatch) => Uint8Array {
  const threatModel = linf(epsilon);
  const descent = pgd({ threatModel, stepSize, steps, target: aimed ? "given" : "none", randomStart: true });
  // Towards a class the last iterate is what the attack is after; away from one, the worst.
  const chosen = aimed ? descent : bestIterate(descent);
  const logits = (x: Tensor) => classifier.forward(x, { ...ATTACK, route });
  return (batch) =>
    scope(() => {
      const { images, labels, keys } = batchFromPixels(batch, { seed, epoch: 0 }, classifier.device);
      const changed = permute(chosen.perturb(logits, images, labels, keys), [0, 2, 3, 1]).toArray() as Float32Array;
      return toBytes(changed, batch.pixels, epsilon);
    });
}
