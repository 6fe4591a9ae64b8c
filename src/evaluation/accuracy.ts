/** Accuracy and loss of a classifier on a data set. */
import type { Dataset } from "../data/dataset.js";
import { evaluationBatches } from "../data/loader.js";
import { UsageError } from "../errors.js";
import type { Predictor } from "./predictor.js";

export interface Accuracy {
  /** Share of images whose largest logit is that of their label. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly count: number;
}

/**
 * Classifies every image once.
 *
 * @param onProgress called after each batch with the images done
 * @throws ERR_CLASSES the classes of the data are not those of the model; ERR_IMAGE_SIZE nor the size of the images
 */
export function evaluateAccuracy(
  predictor: Predictor,
  dataset: Dataset,
  batchSize: number,
  onProgress?: (done: number) => void,
): Accuracy {
  checkFit(predictor, dataset);
  let correct = 0;
  let loss = 0;
  let count = 0;
  for (const batch of evaluationBatches(dataset, batchSize)) {
    const logits = predictor.logits(batch);
    const classes = predictor.classes.length;
    batch.labels.forEach((label, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      if (argmax(row) === label) correct += 1;
      loss += crossEntropy(row, label);
    });
    count += batch.labels.length;
    onProgress?.(count);
  }
  return { accuracy: correct / count, loss: loss / count, count };
}

function checkFit({ classes, imageSize }: Predictor, dataset: Dataset): void {
  if (classes.length !== dataset.classes.length || classes.some((name, i) => name !== dataset.classes[i])) {
    throw new UsageError(
      "ERR_CLASSES",
      `evaluate: the model's ${classes.length} classes (${classes.slice(0, 3).join(", ")}, ...) must be those of the data; ` +
        `${dataset.name} has ${dataset.classes.length} (${dataset.classes.slice(0, 3).join(", ")}, ...)`,
    );
  }
  if (dataset.height !== imageSize || dataset.width !== imageSize) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `evaluate: the model takes images of ${imageSize} x ${imageSize}; those of ${dataset.name} are ${dataset.width} x ${dataset.height}`,
    );
  }
}

/** Index of the first largest element. A NaN counts as wrong: it is never chosen over a number. */
function argmax(row: Float32Array): number {
  let best = -1;
  for (let k = 0; k < row.length; k++) if (best === -1 ? !Number.isNaN(row[k]) : row[k] > row[best]) best = k;
  return best;
}

/** log sum exp(logits) - logits[label], with the largest taken out so that nothing overflows. */
function crossEntropy(row: Float32Array, label: number): number {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = row.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
  return most + Math.log(total) - row[label];
}
