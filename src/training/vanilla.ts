/** Ordinary training: clean images through the main batch norms. The baseline of every comparison. */
import type { Classifier } from "../models/classifier.js";
import { TRAIN } from "../nn/context.js";
import { crossEntropy } from "../nn/loss.js";
import type { GradientStore } from "../tensor/index.js";
import type { Batch, StepMetrics } from "./step.js";

export interface Vanilla {
  readonly model: Classifier;
  readonly gradients: GradientStore;
  readonly labelSmoothing: number;
}

/** One step: adds the gradient of the mean loss of the clean mini-batch to the store. */
export function vanillaStep(
  { model, gradients, labelSmoothing }: Vanilla,
  { images, labels, keys }: Batch,
): StepMetrics {
  const logits = model.forward(images, { ...TRAIN, route: "main", keys });
  return { cleanLoss: gradients.add(crossEntropy(logits, labels, labelSmoothing)) };
}
