/** What every method's step takes and gives. */
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

/** The mean losses of a step, in nats, before the update. */
export interface StepMetrics {
  readonly cleanLoss?: number;
  readonly adversarialLoss?: number;
}

/** Adds the gradients of one mini-batch to the method's gradient store. Changes running statistics and nothing else. */
export type TrainingStep = (batch: Batch) => StepMetrics;
