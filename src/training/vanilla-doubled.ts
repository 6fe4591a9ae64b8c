/**
 * Ordinary training on twice the clean loss: the control for AdvProp's larger gradient, since the sum of two losses is
 * about twice one.
 */
import { TRAIN } from "../nn/context.js";
import { crossEntropy } from "../nn/loss.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of 2 mean loss(clean, main) to the store. */
export function vanillaDoubledStep(
  { model, gradients, labelSmoothing, recompute }: StepParts,
  { images, labels, keys }: Batch,
): Required<Pick<StepLosses, "cleanLoss">> {
  const logits = model.forward(images, { ...TRAIN, recompute, route: "main", keys });
  return { cleanLoss: gradients.add(crossEntropy(logits, labels, labelSmoothing), 2) };
}
