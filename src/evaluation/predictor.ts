/** The interface of classifiers for evaluation: logits for 8-bit pixels. */
import type { Pixels } from "../data/loading/batch.js";

/** `Images` is the input that it needs: pixels, or also labels where it attacks the images first. */
export interface Predictor<Images extends Pixels = Pixels> {
  /** Names of the classes in the order of the logits. */
  readonly classes: readonly string[];
  /** Side of its input images in pixels. */
  readonly imageSize: number;
  /** (N, K) row-major */
  logits(images: Images): Float32Array | Promise<Float32Array>;
}

/** Default batch size of evaluation: large enough for the hardware, small enough for any memory. */
export const evaluationBatchSize = (imageSize: number): number =>
  Math.max(1, Math.min(200, Math.floor(200 * (64 / imageSize) ** 2)));
