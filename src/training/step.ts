/** What every method's step takes and gives. */
import type { PixelBatch } from "../data/loader.js";
import { imagesFromPixels, labelsTensor } from "../models/pixels.js";
import type { SampleKeys } from "../nn/keys.js";
import type { Tensor } from "../tensor/index.js";

/** A mini-batch. */
export interface Batch {
  /** [N, 3, H, W] float, channels-last, pixels in [0, 1] */
  readonly images: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  /** The keys of the samples' random draws. */
  readonly keys: SampleKeys;
}

/** The mini-batch of 8-bit pixels that a loader gave, with the keys of its draws. */
export function batchFromPixels(pixels: PixelBatch, { seed, epoch }: { seed: number; epoch: number }): Batch {
  return {
    images: imagesFromPixels(pixels),
    labels: labelsTensor(pixels.labels),
    keys: { seed, epoch, samples: labelsTensor(pixels.samples) },
  };
}

/** The mean losses of a step, in nats, before the update. */
export interface StepMetrics {
  readonly cleanLoss?: number;
  readonly adversarialLoss?: number;
}

/** Adds the gradients of one mini-batch to the method's gradient store. Changes running statistics and nothing else. */
export type TrainingStep = (batch: Batch) => StepMetrics;
