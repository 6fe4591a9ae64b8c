/** What every method's step takes and gives. */

import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { imagesFromPixels, labelsTensor } from "../models/pixels.js";
import type { ForwardContext, Recompute } from "../nn/context.js";
import type { SampleKeys } from "../nn/keys.js";
import type { Device, GradientStore, Tensor } from "../tensor/index.js";

/** A mini-batch. */
export interface Batch {
  /** [N, 3, H, W] float, channels-last, pixels in [0, 1] */
  readonly images: Tensor;
  /** As `images`, augmented once more, for the method that needs it. */
  readonly secondView?: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  /** The keys of the samples' random draws. */
  readonly keys: SampleKeys;
}

/** The mini-batch of 8-bit pixels that a loader gave, with the keys of its draws, on a device. */
export function batchFromPixels(
  pixels: PixelBatch,
  { seed, epoch }: { seed: number; epoch: number },
  device: Device = "cpu",
): Batch {
  const { secondView } = pixels;
  return {
    images: imagesFromPixels(pixels, "float32", device),
    secondView: secondView && imagesFromPixels({ ...pixels, pixels: secondView }, "float32", device),
    labels: labelsTensor(pixels.labels, device),
    keys: { seed, epoch, samples: labelsTensor(pixels.samples, device) },
  };
}

/** The mean losses of a step, in nats, before the update. */
export interface StepMetrics {
  readonly cleanLoss?: number;
  readonly adversarialLoss?: number;
}

/** What a method's step is made from. */
export interface StepParts {
  readonly model: Classifier;
  /** Gets the gradients of the step's losses. */
  readonly gradients: GradientStore;
  /** Acts on clean losses alone. */
  readonly labelSmoothing: number;
  /** What the training passes compute again rather than keep: gradient checkpointing. */
  readonly recompute?: Recompute;
}

/** What a step that attacks is made from. */
export interface AttackStepParts extends StepParts {
  readonly attack: Attack;
  /** How the attack's passes meet the network; the default is the paper's: running statistics, nothing updated. */
  readonly attackContext?: Omit<ForwardContext, "route">;
}

/** Adds the gradients of one mini-batch to the method's gradient store. Changes running statistics and nothing else. */
export type TrainingStep = (batch: Batch) => StepMetrics;
