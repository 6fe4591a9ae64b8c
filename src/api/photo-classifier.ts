/** Photos classified: what a program that uses a trained classifier calls. */
import { UsageError } from "../errors.js";
import { mostProbable, type Prediction } from "../evaluation/classes/most-probable.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { openPredictor } from "../predictors/open.js";
import type { OpenPredictorOptions } from "../predictors/opened.js";
import { type Photo, photoBatches, squareOf } from "./photo-batches.js";

export type { Prediction } from "../evaluation/classes/most-probable.js";
export type { Photo } from "./photo-batches.js";

export interface ClassifyOptions {
  /** Classes that are returned; by default 5, or all where there are fewer. */
  readonly top?: number;
}

export interface ClassifyAllOptions extends ClassifyOptions {
  /** Threads that read files; by default one a core. */
  readonly workers?: number;
}

/** What became of a photo of a list. */
export type PhotoResult =
  | { readonly photo: Photo; readonly predictions: readonly Prediction[] }
  /** It cannot be read or decoded: why. */
  | { readonly photo: Photo; readonly error: string };

export interface PhotoClassifier {
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Side in pixels of the square that the network sees. */
  readonly imageSize: number;
  /** What was recognised and chosen when it was opened, for the user: sentences. */
  readonly notes: readonly string[];
  /**
   * Classifies a photo: upright by its EXIF orientation, as 8-bit sRGB on white, resized and cut by the classifier's own
   * rule.
   *
   * @returns the most probable classes, the most probable first
   * @throws RunError ERR_IMAGE the photo cannot be read or decoded; UsageError ERR_PHOTO its pixels are not (height, width, 3);
   *   UsageError ERR_TOP `top` is not a positive integer; UsageError ERR_CLOSED the classifier was closed
   */
  classify(photo: Photo, options?: ClassifyOptions): Promise<Prediction[]>;
  /**
   * Classifies photos in batches, in their order. Files are read ahead by worker threads, so that a list of files is faster than
   * one call for each; a photo that cannot be read is a result with its `error`, and the others go on.
   *
   * @throws as {@link classify}, but for ERR_IMAGE; UsageError ERR_WORKERS
   */
  classifyAll(photos: readonly Photo[], options?: ClassifyAllOptions): AsyncGenerator<PhotoResult, void>;
  /** Frees its memory; it answers no more. */
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
      for await (const { indices: places, bad, ...pixels } of photoBatches(
        photos,
        { size, view },
        { batchSize, workers },
      )) {
        checked(given); // it may have been closed meanwhile
        const logits = places.length === 0 ? new Float32Array(0) : await predictor.logits(pixels);
        const results = new Map<number, PhotoResult>();
        for (const { index: place, reason } of bad) results.set(place, { photo: photos[place], error: reason });
        for (const [i, place] of places.entries()) {
          const row = logits.subarray(i * classes.length, (i + 1) * classes.length);
          results.set(place, { photo: photos[place], predictions: mostProbable(row, classes, top) });
        }
        for (const place of [...results.keys()].sort((a, b) => a - b)) yield results.get(place)!;
      }
    },
    async close() {
      if (open) await predictor.close();
      open = false;
    },
  };
}
