/** Accuracy and loss of a classifier on a data set. */
import type { Dataset } from "../data/dataset.js";
import { type Predictions, predict } from "./predictions.js";
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

/** Classifies every image once. See {@link predict}. */
export function evaluateAccuracy(
  predictor: Predictor,
  dataset: Dataset,
  batchSize: number,
  onProgress?: (done: number) => void,
): Accuracy {
  return accuracyOf(predict(predictor, dataset, batchSize, onProgress));
}
