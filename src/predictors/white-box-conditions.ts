/** The conditions of a suite in which our own models are attacked with their gradients. */
import type { Attack } from "../attacks/attack.js";
import { createAttack } from "../attacks/create.js";
import { bestIterate } from "../attacks/evaluation/best-iterate.js";
import { EVALUATION_STEPS, evaluationPgd } from "../attacks/evaluation/defaults.js";
import type { PixelBatch } from "../data/loading/batch.js";
import type { Predictor } from "../evaluation/predictor.js";
import { type Condition, SWEPT_EPSILONS } from "../evaluation/suite/condition.js";
import type { SuiteImages } from "../evaluation/suite/images.js";
import { attackImages } from "../training/snapshots.js";
import { attackedPredictor } from "./classifier-predictor.js";
import type { WhiteBoxPredictor } from "./opened.js";

/** {@link evaluationPgd} in the L-infinity ball; it returns the worst iterate of each image. */
export const pgd10 = (epsilon: number): Attack => bestIterate(createAttack(evaluationPgd("linf", epsilon)));

/** PGD-10 in the L-infinity ball at each radius of the sweep, on the images at the given indices. */
export function whiteBoxConditions(images: SuiteImages, indices: Uint32Array, seed: number): Condition[] {
  return SWEPT_EPSILONS.map((epsilon) => ({
    id: `pgd-10/${Math.round(255 * epsilon)}`,
    protocol: { ...evaluationPgd("linf", epsilon), iterate: "worst", seed },
    indices,
    attack: { name: "PGD-10", epsilon, access: "white-box" },
    // A step is a forward and a backward pass, which costs two forward passes. Two more forward passes evaluate the last
    // iterate and classify the worst.
    passes: 3 * EVALUATION_STEPS + 2,
    batches: () => images.batches(indices),
    predictorFor: (model) =>
      isWhiteBox(model)
        ? attackedPredictor(model.classifier, { route: model.route, attack: pgd10(epsilon), seed })
        : undefined,
  }));
}

/** The adversarial images of PGD-10 for some images, rounded to 8 bits: (H, W, 3) each. */
export const pgd10Images = (
  { classifier, route }: WhiteBoxPredictor,
  pixels: PixelBatch,
  epsilon: number,
  seed: number,
): Uint8Array[] =>
  attackImages({ model: classifier, attack: pgd10(epsilon), route, fullRange: epsilon, seed, pixels })[2];

/** Whether a predictor gives gradients. */
const isWhiteBox = (predictor: Predictor): predictor is WhiteBoxPredictor =>
  "access" in predictor && predictor.access === "white-box";
