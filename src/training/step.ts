/** What every method's step takes and gives. */

import type { Attack } from "../attacks/attack.js";
import type { PixelBatch } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { labelsTensor } from "../models/pixels.js";
import type { ForwardContext, Recompute } from "../nn/context.js";
import type { SampleKeys } from "../nn/keys.js";
import { type Device, fromArray, type GradientStore, type Tensor } from "../tensor/index.js";
import { imagesFromBytes } from "../tensor/operators.js";

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

/** What all draws of a step are keyed by, besides the sample. */
export interface DrawContext {
  readonly seed: number;
  readonly epoch: number;
}

/** The mini-batch of 8-bit pixels that a loader gave, with the keys of its draws, on a device. */
export function batchFromPixels(pixels: PixelBatch, { seed, epoch }: DrawContext, device: Device = "cpu"): Batch {
  return batchFromUpload(uploadPixels(pixels, device), { seed, epoch });
}

/** A loader's mini-batch as it gave it, on a device: as little as can be copied there. */
export interface Upload {
  /** uint8 [N, H, W, 3] */
  readonly pixels: Tensor;
  readonly secondView?: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  /** int64 [N] */
  readonly samples: Tensor;
}

export function uploadPixels(
  { pixels, secondView, labels, samples, height, width }: PixelBatch,
  device: Device,
): Upload {
  const images = (bytes: Uint8Array) => fromArray(bytes, [labels.length, height, width, 3], undefined, device);
  return {
    pixels: images(pixels),
    ...(secondView && { secondView: images(secondView) }),
    labels: labelsTensor(labels, device),
    samples: labelsTensor(samples, device),
  };
}

export const batchFromUpload = (
  { pixels, secondView, labels, samples }: Upload,
  { seed, epoch }: DrawContext,
): Batch => ({
  images: imagesFromBytes(pixels, "float32"),
  secondView: secondView && imagesFromBytes(secondView, "float32"),
  labels,
  keys: { seed, epoch, samples },
});

/** The mean losses of a step, scalars in nats, before the update. Nothing has waited for them yet. */
export interface StepLosses {
  readonly cleanLoss?: Tensor;
  readonly adversarialLoss?: Tensor;
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
export type TrainingStep = (batch: Batch) => StepLosses;
