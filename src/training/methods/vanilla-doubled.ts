/**
 * Ordinary training with twice the clean loss: the control for AdvProp's larger gradient, because a sum of two losses is about twice as
 * large as one.
 */
import { TRAIN } from "../../nn/context.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of 2 mean loss(clean, main) to the store. */
export function vanillaDoubledStep(
  { model, gradients, labelSmoothing, recompute }: StepParts,
  batch: Batch,
): Required<Pick<StepLosses, "cleanLoss">> {
  const logits = model.forward(cleanImages(batch), { ...TRAIN, recompute, route: "main", keys: batch.keys });
  return { cleanLoss: gradients.add(cleanLossOf(logits, batch, labelSmoothing), 2) };
}
