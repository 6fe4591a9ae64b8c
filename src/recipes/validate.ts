/** Accuracy and loss on validation images, by one process or by several that each take a part. */
import type { PixelBatch } from "../data/loader.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import { type Accuracy, accuracyOf } from "../evaluation/accuracy.js";
import { predict } from "../evaluation/predictions.js";
import type { Classifier } from "../models/classifier.js";
import { classifierPredictor } from "../predictors/classifier-predictor.js";

/**
 * Measures a network on some images.
 *
 * @param images this rank's, where there is a group; what is returned is of those of all ranks
 * @throws RunError ERR_RANK another rank is gone
 */
export async function validateOn(
  model: Classifier,
  images: AsyncIterable<PixelBatch>,
  group: ProcessGroup | undefined,
): Promise<Accuracy> {
  const own = accuracyOf(await predict(classifierPredictor(model), images, () => group?.check()));
  if (group === undefined) return own;
  // A rank without images has no mean.
  const part = own.count === 0 ? [0, 0, 0] : [own.accuracy * own.count, own.loss * own.count, own.count];
  const [correct, loss, count] = group.sumNumbers(part);
  return { accuracy: Math.round(correct) / count, loss: loss / count, count };
}
