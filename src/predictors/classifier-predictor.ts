/** Predictors over our own models. */
import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loader.js";
import type { Predictor } from "../evaluation/predictor.js";
import type { Classifier } from "../models/classifier.js";
import { ATTACK, EVAL, MAIN_ROUTE } from "../nn/context.js";
import { scope } from "../tensor/index.js";
import { batchFromPixels } from "../training/step.js";

/** How {@link classifierPredictor} predicts; clean images through the main route unless told. */
export interface PredictionOptions {
  readonly route?: string;
  /** A white-box attack on each batch, through the same route, before it is classified. */
  readonly attack?: Attack;
  /** Of the attack's random draws. */
  readonly seed?: number;
}

/** A predictor over a classifier. The classifier's weights at the time of each call count, so it may be in training. */
export function classifierPredictor(model: Classifier, options: PredictionOptions = {}): Predictor {
  const { route = MAIN_ROUTE, attack, seed = 0 } = options;
  const { classes, imageSize } = model.specification;
  return {
    classes,
    imageSize,
    logits: (batch: PixelBatch) =>
      scope(() => {
        let { images, labels, keys } = batchFromPixels(batch, { seed, epoch: 0 }, model.device);
        if (attack !== undefined) {
          const logits = (x: typeof images) => model.forward(x, { ...ATTACK, route });
          images = attack.perturb(logits, images, labels, keys);
        }
        return model.forward(images, { ...EVAL, route }).toArray() as Float32Array;
      }),
  };
}
