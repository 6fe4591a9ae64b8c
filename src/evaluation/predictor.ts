/** What evaluation asks of a classifier: logits for 8-bit pixels, whoever computes them. */
import type { PixelBatch } from "../data/loader.js";

export interface Predictor {
  /** Names of the classes in the order of the logits. */
  readonly classes: readonly string[];
  /** Side of the images that it takes, in pixels. */
  readonly imageSize: number;
  /** (N, K) row-major. The labels of the batch serve predictors that attack themselves first. */
  logits(batch: PixelBatch): Float32Array | Promise<Float32Array>;
}

/** Images in a batch of evaluation: enough to fill the machine, few enough for any memory. */
export const evaluationBatchSize = (imageSize: number): number =>
  Math.max(1, Math.min(200, Math.floor(200 * (64 / imageSize) ** 2)));
