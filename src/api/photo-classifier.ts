/** Classifies photos: the interface for programs that use a trained classifier. */
import { UsageError } from "../errors.js";
import { mostProbable, type Prediction } from "../evaluation/classes/most-probable.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { openPredictor } from "../predictors/open.js";
import type { OpenPredictorOptions } from "../predictors/opened.js";
import { type Photo, photoBatches, squareOf } from "./photo-batches.js";

export type { Prediction } from "../evaluation/classes/most-probable.js";
export type { Photo } from "./photo-batches.js";

export interface ClassifyOptions {
  /** Number of classes that are returned; by default 5, or all if there are fewer. */
  readonly top?: number;
}

export interface ClassifyAllOptions extends ClassifyOptions {
  /** Threads that read files; by default one per core, at most four unless UV_THREADPOOL_SIZE is set. */
  readonly workers?: number;
}

/** The result for a photo of a list. */
export type PhotoResult =
  | { readonly photo: Photo; readonly predictions: readonly Prediction[] }
  /** It cannot be read or decoded: why. */
  | { readonly photo: Photo; readonly error: string };

export interface PhotoClassifier {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Side in pixels of the square that the network sees. */
  readonly imageSize: number;
  /** What was recognised and chosen when the model was opened, as sentences for the user. */
  readonly notes: readonly string[];
  /**
   * Classifies a photo. It is rotated upright by its EXIF orientation, converted to 8-bit sRGB on white, and resized and cropped by the
   * classifier's rule.
   *
   * @returns the most probable classes, the most probable first
   * @throws RunError ERR_IMAGE the photo cannot be read or decoded; UsageError ERR_PHOTO its pixels are not (height, width, 3);
   *   UsageError ERR_TOP `top` is not a positive integer; UsageError ERR_CLOSED the classifier was closed
   */
  classify(photo: Photo, options?: ClassifyOptions): Promise<Prediction[]>;
  /**
   * Classifies photos in batches, in their order. Worker threads read files ahead, so this is faster than one call per file. A photo that
   * cannot be read gives a result with `error`, and the others continue.
   *
   * @throws as {@link classify}, except ERR_IMAGE; UsageError ERR_WORKERS
   */
  classifyAll(photos: readonly Photo[], options?: ClassifyAllOptions): AsyncGenerator<PhotoResult, void>;
  /** Frees the memory; the classifier cannot be used after that. */
  close(): Promise<void>;
}

/**
 * Opens a classifier: a run's folder, a weights file, or an ONNX file, for which libtorch is not needed.
 *
 * @throws what {@link openPredictor} throws
 */
export async function openClassifier(model: string, options: OpenPredictorOptions = {}): Promise<PhotoClassifier> {
  const predictor = await openPredictor(model, options);
  const { classes, imageSize: size, view, notes } = predictor;
  let open = true;
  const checked = ({ top = Math.min(5, classes.length) }: ClassifyOptions): number => {
    if (!open) throw new UsageError("ERR_CLOSED", "classify: the classifier was closed. Open it again");
    if (Number.isInteger(top) && top >= 1) return top;
    throw new UsageError("ERR_TOP", `classify: \`top\` must be a positive integer; got ${top}`);
  };
  return {
    classes,
    imageSize: size,
    notes,
    async classify(photo, given = {}) {
      const top = checked(given);
      return mostProbable(await predictor.logits(await squareOf(photo, { size, view })), classes, top);
    },
    async *classifyAll(photos, given = {}) {
      const top = checked(given);
      const { workers } = given;
      const batchSize = evaluationBatchSize(size);
      for await (const { indices, bad, ...pixels } of photoBatches(photos, { size, view }, { batchSize, workers })) {
        checked(given); // the classifier may have been closed in the meantime
        const logits = indices.length === 0 ? new Float32Array(0) : await predictor.logits(pixels);
        const results = new Map<number, PhotoResult>();
        for (const { index, reason } of bad) results.set(index, { photo: photos[index], error: reason });
        for (const [i, index] of indices.entries()) {
          const row = logits.subarray(i * classes.length, (i + 1) * classes.length);
          results.set(index, { photo: photos[index], predictions: mostProbable(row, classes, top) });
        }
        for (const index of [...results.keys()].sort((a, b) => a - b)) yield results.get(index)!;
      }
    },
    async close() {
      if (open) await predictor.close();
      open = false;
    },
  };
}
