/** Ordinary training: clean images through the main batch norms. The baseline of every comparison. */
import { TRAIN } from "../nn/context.js";
import { crossEntropy } from "../nn/loss.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of the mean loss of the clean mini-batch to the store. */
export function vanillaStep(
  { model, gradients, labelSmoothing, recompute }: StepParts,
  { images, labels, keys }: Batch,
): StepLosses {
  const logits = model.forward(images, { ...TRAIN, recompute, route: "main", keys });
  return { cleanLoss: gradients.add(crossEntropy(logits, labels, labelSmoothing)) };
}
