/** What evaluation asks of a classifier: logits for 8-bit pixels, whoever computes them. */
import type { Pixels } from "../data/loading/batch.js";

/** `Images` is what it must know of its images: their pixels, or labels too where it attacks them first. */
export interface Predictor<Images extends Pixels = Pixels> {
  /** Names of the classes in the order of the logits. */
  readonly classes: readonly string[];
  /** Side of the images that it takes, in pixels. */
  readonly imageSize: number;
  /** (N, K) row-major */
  logits(images: Images): Float32Array | Promise<Float32Array>;
}

/** Images in a batch of evaluation: enough to fill the machine, few enough for any memory. */
export const evaluationBatchSize = (imageSize: number): number =>
  Math.max(1, Math.min(200, Math.floor(200 * (64 / imageSize) ** 2)));
