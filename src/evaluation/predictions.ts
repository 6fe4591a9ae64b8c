/** What a classifier says of each image of a data set: what every measure is computed from. */
import type { PixelBatch } from "../data/loader.js";
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
 * Classifies every image of some batches, in order.
 *
 * @param onProgress called after each batch with the images done
 * @throws ERR_IMAGE_SIZE the images are of another size than the model takes
 */
export async function predict(
  predictor: Predictor,
  batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>,
  onProgress?: (done: number) => void,
): Promise<Predictions> {
  const { classes, imageSize } = predictor;
  const labels: number[] = [];
  const predicted: number[] = [];
  const losses: number[] = [];
  for await (const batch of batches) {
    if (batch.height !== imageSize || batch.width !== imageSize) {
      throw new UsageError(
        "ERR_IMAGE_SIZE",
        `evaluate: the model takes images of ${imageSize} x ${imageSize}; got ${batch.width} x ${batch.height}`,
      );
    }
    const logits = await predictor.logits(batch);
    batch.labels.forEach((label, i) => {
      const row = logits.subarray(i * classes.length, (i + 1) * classes.length);
      labels.push(label);
      predicted.push(argmax(row));
      losses.push(crossEntropy(row, label));
    });
    onProgress?.(labels.length);
  }
  return {
    classes,
    labels: Int32Array.from(labels),
    predicted: Int32Array.from(predicted),
    losses: Float64Array.from(losses),
  };
}

/**
 * Checks that a model was made for the classes of some data, by name and order.
 *
 * @throws ERR_CLASSES it was not
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
