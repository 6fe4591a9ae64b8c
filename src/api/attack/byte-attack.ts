/** PGD whose result is whole bytes, which can be saved as a picture and classified again. */
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
  /** L-infinity radius, with pixels in [0, 1], as for the step size. */
  readonly epsilon: number;
  readonly steps: number;
  readonly stepSize: number;
  /** Seed of the random start. */
  readonly seed: number;
}

/** The settings; defaults are those of an evaluation. */
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
 * The attack on a batch: it turns the bytes (N, S, S, 3) into adversarial ones within epsilon.
 *
 * @param aimed whether the batch's labels are target classes; else the attack is untargeted, away from the labels
 */
export function byteAttack(
  { classifier, route }: Pick<WhiteBoxPredictor, "classifier" | "route">,
  { epsilon, steps, stepSize, seed }: ByteAttackSettings,
  aimed: boolean,
): (batch: PixelBatch) => Uint8Array {
  const threatModel = linf(epsilon);
  const descent = pgd({ threatModel, stepSize, steps, target: aimed ? "given" : "none", randomStart: true });
  // A targeted attack returns the last iterate, an untargeted one the iterate that is worst for the classifier.
  const chosen = aimed ? descent : bestIterate(descent);
  const logits = (x: Tensor) => classifier.forward(x, { ...ATTACK, route });
  return (batch) =>
    scope(() => {
      const { images, labels, keys } = batchFromPixels(batch, { seed, epoch: 0 }, classifier.device);
      const changed = permute(chosen.perturb(logits, images, labels, keys), [0, 2, 3, 1]).toArray() as Float32Array;
      return toBytes(changed, batch.pixels, epsilon);
    });
}
