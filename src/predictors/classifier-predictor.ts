/** Predictors for our own models. */
import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loading/batch.js";
import type { Predictor } from "../evaluation/predictor.js";
import type { Classifier } from "../models/classifier.js";
import { imagesFromPixels } from "../models/pixels.js";
import { ATTACK, EVAL, MAIN_ROUTE } from "../nn/context.js";
import { scope, type Tensor } from "../tensor/index.js";
import { batchFromPixels } from "../training/methods/step.js";

/** A predictor for a classifier. Each call uses the classifier's current weights, so the classifier may be in training. */
export function classifierPredictor(
  model: Classifier,
  { route = MAIN_ROUTE }: { readonly route?: string } = {},
): Predictor {
  const { classes, imageSize } = model.specification;
  return {
    classes,
    imageSize,
    logits: (pixels) => scope(() => logitsOf(model, imagesFromPixels(pixels, "float32", model.device), route)),
  };
}

export interface AttackedPredictionOptions {
  readonly route?: string;
  readonly attack: Attack;
  /** Seed of the attack's random draws; by default 0. */
  readonly seed?: number;
}

/** A predictor that attacks each batch before it classifies it, both through the same route. */
export function attackedPredictor(model: Classifier, options: AttackedPredictionOptions): Predictor<PixelBatch> {
  const { route = MAIN_ROUTE, attack, seed = 0 } = options;
  const { classes, imageSize } = model.specification;
  return {
    classes,
    imageSize,
    logits: (batch) =>
      scope(() => {
        const { images, labels, keys } = batchFromPixels(batch, { seed, epoch: 0 }, model.device);
        const logits = (x: Tensor) => model.forward(x, { ...ATTACK, route });
        return logitsOf(model, attack.perturb(logits, images, labels, keys), route);
      }),
  };
}

const logitsOf = (model: Classifier, images: Tensor, route: string): Float32Array =>
  model.forward(images, { ...EVAL, route }).toArray() as Float32Array;
