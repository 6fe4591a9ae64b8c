/** The predictions of a classifier for each image of a data set. Every measure is computed from them. */
import type { PixelBatch } from "../data/loading/batch.js";
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
  /** (N) rank of the true class by logit, 0 where the prediction is right. Of equal logits the first class comes first. */
  readonly ranks: Int32Array;
  /** (N) largest softmax probability, that of the predicted class. */
  readonly confidences: Float64Array;
  /** (N) squared distance between predicted and true probabilities, sum over k of (p_k - y_k)^2, in [0, 2]. */
  readonly brierScores: Float64Array;
}

/**
 * Classifies every image of some batches, in order.
 *
 * @param onBatch called after each batch with the number of images so far, the batch, and its predictions
 * @throws ERR_IMAGE_SIZE the images have another size than those of the model
 */
export async function predict(
  predictor: Predictor<PixelBatch>,
  batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>,
  onBatch?: (done: number, batch: PixelBatch, predictions: Predictions) => void,
): Promise<Predictions> {
  const [predictions] = await predictAll([predictor], batches, (done, batch, [own]) => onBatch?.(done, batch, own));
  return predictions;
}

/**
 * Classifies every image by several classifiers, and reads each image once.
 *
 * @throws ERR_IMAGE_SIZE the images have another size than those of a model
 */
export async function predictAll(
  predictors: readonly Predictor<PixelBatch>[],
  batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>,
  onBatch?: (done: number, batch: PixelBatch, predictions: readonly Predictions[]) => void,
): Promise<Predictions[]> {
  const parts: Predictions[][] = predictors.map(() => []);
  let done = 0;
  for await (const batch of batches) {
    for (const [i, predictor] of predictors.entries()) {
      const { imageSize } = predictor;
      if (batch.height !== imageSize || batch.width !== imageSize) {
        throw new UsageError(
          "ERR_IMAGE_SIZE",
          `evaluate: the images of the model must be ${imageSize} x ${imageSize}; got ${batch.width} x ${batch.height}`,
        );
      }
      parts[i].push(predictionsOf(predictor.classes, await predictor.logits(batch), batch.labels));
    }
    done += batch.labels.length;
    onBatch?.(
      done,
      batch,
      parts.map((own) => own[own.length - 1]),
    );
  }
  return predictors.map(({ classes }, i) => joined(classes, parts[i]));
}

/** Reduces the logits of a batch to its predictions. @param logits (N, K) row-major */
function predictionsOf(classes: readonly string[], logits: Float32Array, labels: Int32Array): Predictions {
  const { length } = classes;
  const all = {
    classes,
    labels: labels.slice(),
    predicted: new Int32Array(labels.length),
    losses: new Float64Array(labels.length),
    ranks: new Int32Array(labels.length),
    confidences: new Float64Array(labels.length),
    brierScores: new Float64Array(labels.length),
  };
  labels.forEach((label, i) => {
    const row = logits.subarray(i * length, (i + 1) * length);
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    // The largest logit is subtracted so that exp does not overflow.
    const total = row.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    all.predicted[i] = argmax(row);
    all.losses[i] = most + Math.log(total) - row[label];
    all.ranks[i] = rankOf(row, label);
    all.confidences[i] = 1 / total;
    all.brierScores[i] = brierScore(row, label, most, total);
  });
  return all;
}

/** The predictions of all batches, in order. */
function joined(classes: readonly string[], parts: readonly Predictions[]): Predictions {
  const all = (key: Exclude<keyof Predictions, "classes">) => parts.flatMap((part) => Array.from(part[key]));
  return {
    classes,
    labels: Int32Array.from(all("labels")),
    predicted: Int32Array.from(all("predicted")),
    losses: Float64Array.from(all("losses")),
    ranks: Int32Array.from(all("ranks")),
    confidences: Float64Array.from(all("confidences")),
    brierScores: Float64Array.from(all("brierScores")),
  };
}

/**
 * Checks that the classes of a model are those of some data, in the same order.
 *
 * @throws ERR_CLASSES they are not
 */
export function checkClasses(
  model: readonly string[],
  data: { readonly name: string; readonly classes: readonly string[] },
): void {
  if (model.length === data.classes.length && model.every((name, i) => name === data.classes[i])) return;
  const list = (names: readonly string[]) => `${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}`;
  throw new UsageError(
    "ERR_CLASSES",
    `evaluate: the model's ${model.length} classes (${list(model)}) must be those of the data; ` +
      `${data.name} has ${data.classes.length} (${list(data.classes)})`,
  );
}

/** Index of the first largest element. NaN is never chosen; -1 where all elements are NaN. */
function argmax(row: Float32Array): number {
  let best = -1;
  for (let k = 0; k < row.length; k++) if (best === -1 ? !Number.isNaN(row[k]) : row[k] > row[best]) best = k;
  return best;
}

/** The number of logits that rank before that of the label. NaN ranks last. */
function rankOf(row: Float32Array, label: number): number {
  const own = row[label];
  if (Number.isNaN(own)) return row.length - 1;
  let rank = 0;
  for (let k = 0; k < row.length; k++) if (row[k] > own || (row[k] === own && k < label)) rank++;
  return rank;
}

function brierScore(row: Float32Array, label: number, most: number, total: number): number {
  let sum = 0;
  for (let k = 0; k < row.length; k++) sum += (Math.exp(row[k] - most) / total - (k === label ? 1 : 0)) ** 2;
  return sum;
}
