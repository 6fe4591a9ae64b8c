/** What a classifier says of each image of a data set: what every measure is computed from. */
import type { Dataset } from "../data/dataset.js";
import { evaluationBatches, type PixelBatch } from "../data/loader.js";
import { UsageError } from "../errors.js";
import type { Predictor } from "./predictor.js";

export interface Predictions {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** (N) */
  readonly labels: Int32Array;
  /** (N) class with the largest logit, the first of equal ones; -1 where every logit is NaN. */
  readonly predicted: Int32Array;
  /** (N) cross-entropy of each image in nats. */
  readonly losses: Float64Array;
}

/**
 * Classifies every image once, in order.
 *
 * @param onProgress called after each batch with the images done
 * @throws ERR_CLASSES the classes of the data are not those of the model; ERR_IMAGE_SIZE nor the size of the images
 */
export function predict(
  predictor: Predictor,
  dataset: Dataset,
  batchSize: number,
  onProgress?: (done: number) => void,
): Predictions {
  checkFit(predictor, dataset);
  return predictBatches(predictor, dataset.length, evaluationBatches(dataset, batchSize), onProgress);
}

/** As {@link predict}, for batches that were made elsewhere: `count` images in all. */
export function predictBatches(
  predictor: Predictor,
  count: number,
  batches: Iterable<PixelBatch>,
  onProgress?: (done: number) => void,
): Predictions {
  const { classes } = predictor;
  const result = {
    classes,
    labels: new Int32Array(count),
    predicted: new Int32Array(count),
    losses: new Float64Array(count),
  };
  let done = 0;
  for (const batch of batches) {
    const logits = predictor.logits(batch);
    batch.labels.forEach((label, i) => {
      const row = logits.subarray(i * classes.length, (i + 1) * classes.length);
      result.labels[done + i] = label;
      result.predicted[done + i] = argmax(row);
      result.losses[done + i] = crossEntropy(row, label);
    });
    done += batch.labels.length;
    onProgress?.(done);
  }
  return result;
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
