/** Ordinary training: clean images through the main batch norms. The baseline of every comparison. */
import { TRAIN } from "../../nn/context.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of the mean loss of the clean mini-batch to the store. */
export function vanillaStep({ model, gradients, labelSmoothing, recompute }: StepParts, batch: Batch): StepLosses {
  const logits = model.forward(cleanImages(batch), { ...TRAIN, recompute, route: "main", keys: batch.keys });
  return { cleanLoss: gradients.add(cleanLossOf(logits, batch, labelSmoothing)) };
}
