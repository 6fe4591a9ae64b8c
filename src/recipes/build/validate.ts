/** Accuracy and loss on validation images, measured by one process or by several that each take a part. */
import type { PixelBatch } from "../../data/loading/batch.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import { type Accuracy, accuracyOf } from "../../evaluation/accuracy.js";
import { predictAll } from "../../evaluation/predictions.js";
import type { Classifier } from "../../models/classifier.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { classifierPredictor } from "../../predictors/classifier-predictor.js";
import type { RouteAccuracies } from "../../runs/schema.js";

/**
 * Measures a network through its main batch norms and through each auxiliary route. Every image is read once.
 *
 * @param images those of this rank, if there is a group; the result is over the images of all ranks
 * @throws RunError ERR_RANK another rank has ended
 */
export async function validateOn(
  model: Classifier,
  images: AsyncIterable<PixelBatch>,
  group: ProcessGroup | undefined,
): Promise<Accuracy & { readonly routes?: RouteAccuracies }> {
  const routes = [MAIN_ROUTE, ...model.specification.routes];
  const predictors = routes.map((route) => classifierPredictor(model, { route }));
  const own = (await predictAll(predictors, images, () => group?.check())).map(accuracyOf);
  const measured = group === undefined ? own : own.map((accuracy) => overRanks(accuracy, group));
  if (routes.length === 1) return measured[0];
  const byRoute = routes.map((route, i) => [route, { accuracy: measured[i].accuracy, loss: measured[i].loss }]);
  return { ...measured[0], routes: Object.fromEntries(byRoute) };
}

function overRanks({ accuracy, loss, count }: Accuracy, group: ProcessGroup): Accuracy {
  // A rank without images has no mean.
  const part = count === 0 ? [0, 0, 0] : [accuracy * count, loss * count, count];
  const [correct, losses, images] = group.sumNumbers(part);
  return { accuracy: Math.round(correct) / images, loss: losses / images, count: images };
}
