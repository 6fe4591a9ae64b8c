/**
 * Ordinary training on two augmented views of each image: the control for AdvProp's second pass over the mini-batch. The second view
 * replaces the adversarial images, and goes through the main batch norms. Without random augmentation both views are the same, and a recipe
 * for that is refused.
 */
import { assert } from "../../errors.js";
import { TRAIN } from "../../nn/context.js";
import { add, mul } from "../../tensor/operators.js";
import { cleanImages, cleanLossOf } from "./mixing.js";
import type { Batch, StepLosses, StepParts } from "./step.js";

/** One step: adds the gradient of mean loss(first view, main) + mean loss(second view, main); returns the mean of the two. */
export function vanillaTwoViewsStep(
  { model, gradients, labelSmoothing, recompute }: StepParts,
  batch: Batch,
): Required<Pick<StepLosses, "cleanLoss">> {
  const { images, moreViews, mix, keys } = batch;
  assert(moreViews !== undefined, "the loader gives one view");
  const [first, second] = [images, ...moreViews].map((view) =>
    gradients.add(
      cleanLossOf(
        model.forward(cleanImages({ images: view, mix }), { ...TRAIN, recompute, route: "main", keys }),
        batch,
        labelSmoothing,
      ),
    ),
  );
  return { cleanLoss: mul(add(first, second), 0.5) };
}
