/** The inputs and outputs of every method's step. */

import type { Attack } from "../../attacks/attack.js";
import type { ThreatModel } from "../../attacks/threat-model.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import { labelsTensor } from "../../models/pixels.js";
import type { Forward } from "../../models/staged-network.js";
import type { ForwardContext, Recompute } from "../../nn/context.js";
import type { SampleKeys } from "../../nn/keys.js";
import { type Device, fromArray, type GradientStore, type Tensor } from "../../tensor/index.js";
import { add, augmentedImages, imagesFromBytes } from "../../tensor/operators.js";

/** A mini-batch. */
export interface Batch {
  /** [N, 3, H, W] float, channels-last, pixels in [0, 1] */
  readonly images: Tensor;
  /** Other views of the same images, of the same shape, for a method that needs them. */
  readonly moreViews?: readonly Tensor[];
  /** [N, 1, H, W] or [N, 1, 1, 1] in [0, 1]: the share of the image itself when clean images are mixed. */
  readonly mix?: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  /** The keys of the samples' random draws. */
  readonly keys: SampleKeys;
}

/** The key of all random draws of a step, apart from the sample. */
export interface DrawContext {
  readonly seed: number;
  readonly epoch: number;
}

/** Copies a loader's mini-batch of 8-bit pixels to a device, and makes the keys of its draws. */
export function batchFromPixels(pixels: PixelBatch, context: DrawContext, device: Device = "cpu"): Batch {
  return batchFromUpload(uploadPixels(pixels, device), pixels, context);
}

/** A loader's mini-batch on a device, as bytes, so that as little as possible is copied. */
export interface Upload {
  /** uint8 [N, H, W, 3] */
  readonly pixels: Tensor;
  readonly moreViews?: readonly Tensor[];
  /** float32 [N, 1, H, W] or [N, 1, 1, 1] */
  readonly mix?: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  /** int64 [N] */
  readonly samples: Tensor;
  /** int64 [N], the streams of the pending augmentation, if there is one */
  readonly streams?: Tensor;
}

export function uploadPixels(
  { pixels, moreViews, mix, labels, samples, pending, height, width }: PixelBatch,
  device: Device,
): Upload {
  const images = (bytes: Uint8Array) => fromArray(bytes, [labels.length, height, width, 3], undefined, device);
  return {
    pixels: images(pixels),
    ...(moreViews && { moreViews: moreViews.map(images) }),
    ...(mix && { mix: fromArray(mix.shares, [labels.length, 1, mix.height, mix.width], undefined, device) }),
    labels: labelsTensor(labels, device),
    samples: labelsTensor(samples, device),
    ...(pending && { streams: labelsTensor(pending.streams, device) }),
  };
}

export function batchFromUpload(
  { pixels, moreViews, mix, labels, samples, streams }: Upload,
  { pending, repeats }: Pick<PixelBatch, "pending" | "repeats">,
  { seed, epoch }: DrawContext,
): Batch {
  const keys = { seed, epoch, samples, repeats: repeats && Array.from(repeats) };
  if (pending === undefined || streams === undefined) {
    const images = (bytes: Tensor) => imagesFromBytes(bytes, "float32");
    return { images: images(pixels), moreViews: moreViews?.map(images), mix, labels, keys };
  }
  const view = (number: number) => augmentedImages(pixels, samples, add(streams, number), pending);
  const others = Array.from({ length: pending.views - 1 }, (_, i) => view(i + 1));
  return { images: view(0), moreViews: others.length > 0 ? others : undefined, mix, labels, keys };
}

/** The mean losses of a step before the update, by name, as scalars in nats. On a GPU they may not be computed yet. */
export interface StepLosses {
  readonly [loss: `${string}Loss`]: Tensor | undefined;
  readonly cleanLoss?: Tensor;
  readonly adversarialLoss?: Tensor;
}

/** The parts of a method's step. */
export interface StepParts {
  readonly model: Forward;
  /** Receives the gradients of the step's losses. */
  readonly gradients: GradientStore;
  /** Label smoothing of every loss of the step, in [0, 1). */
  readonly labelSmoothing: number;
  /** The activations that training passes compute again instead of keeping them: gradient checkpointing. */
  readonly recompute?: Recompute;
}

/** The weights of the clean and the adversarial loss in the gradient. */
export interface LossWeights {
  readonly clean: number;
  readonly adversarial: number;
}

/** The weights of AdvProp: the sum of both losses. */
export const SUM: LossWeights = { clean: 1, adversarial: 1 };

/** Whether a parameter belongs to the main batch norms, to auxiliary ones, or to neither, so that all passes share it. */
export type ParameterOwner = "main" | "auxiliary" | "shared";

/** The parts of a step whose attack reuses the gradients of a training pass. */
export interface SingleStepParts {
  readonly threatModel: ThreatModel;
  /** Size of the attack's one step, with pixels in [0, 1]. */
  readonly stepSize: number;
  /** The owner of each leaf of the gradient store, in the order of the store. */
  readonly owners: readonly ParameterOwner[];
}

/** The parts of a step with an attack. */
export interface AttackStepParts extends StepParts {
  readonly attack: Attack;
  /** Label smoothing of the adversarial loss, if the step also has a clean loss; by default labelSmoothing. */
  readonly adversarialLabelSmoothing?: number;
  /** Weights of the two losses, if the step has both; by default {@link SUM}. */
  readonly lossWeights?: LossWeights;
  /** Used by Fast AdvProp instead of the attack. */
  readonly singleStep?: SingleStepParts;
  /** How the network runs during the attack; by default as in the paper: with running statistics, which are not updated. */
  readonly attackContext?: Omit<ForwardContext, "route">;
}

/** Adds the gradients of one mini-batch to the method's gradient store. It also updates the running statistics, and changes nothing else. */
export type TrainingStep = (batch: Batch) => StepLosses;
