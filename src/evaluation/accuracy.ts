/** Accuracy and loss of a classifier on a data set. */
import type { Dataset } from "../data/datasets/dataset.js";
import { evaluationBatches } from "../data/loading/loader.js";
import { checkClasses, type Predictions, predict } from "./predictions.js";
import type { Predictor } from "./predictor.js";

export interface Accuracy {
  /** Share of images whose largest logit is that of their label. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly count: number;
}

/** Accuracy and loss of predictions. */
export function accuracyOf({ labels, predicted, losses }: Predictions): Accuracy {
  const count = labels.length;
  const correct = labels.reduce((total, label, i) => total + (predicted[i] === label ? 1 : 0), 0);
  const loss = losses.reduce((total, value) => total + value, 0);
  return { accuracy: correct / count, loss: loss / count, count };
}

/**
 * Accuracy and loss of a classifier on a data set in memory.
 *
 * @throws ERR_CLASSES, ERR_IMAGE_SIZE the classes or the size of the images are not those of the model
 */
export async function evaluateAccuracy(predictor: Predictor, dataset: Dataset, batchSize: number): Promise<Accuracy> {
  checkClasses(predictor.classes, dataset);
  return accuracyOf(await predict(predictor, evaluationBatches(dataset, batchSize)));
}
