/**
 * Ordinary training on two augmented views of each image: the control for AdvProp's second pass over the mini-batch. The
 * second view takes the place of the adversarial images, and goes through the main batch norms.
 */
import { assert } from "../errors.js";
import { TRAIN } from "../nn/context.js";
import { crossEntropy } from "../nn/loss.js";
import { add, mul } from "../tensor/operators.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of mean loss(first view, main) + mean loss(second view, main); gives the mean of the two. */
export function vanillaTwoViewsStep(
  { model, gradients, labelSmoothing, recompute }: StepParts,
  { images, moreViews, labels, keys }: Batch,
): Required<Pick<StepLosses, "cleanLoss">> {
  assert(moreViews !== undefined, "the loader gives one view");
  const [first, second] = [images, ...moreViews].map((view) =>
    gradients.add(
      crossEntropy(model.forward(view, { ...TRAIN, recompute, route: "main", keys }), labels, labelSmoothing),
    ),
  );
  return { cleanLoss: mul(add(first, second), 0.5) };
}
