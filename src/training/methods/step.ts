/** What every method's step takes and gives. */

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
  /** As `images`, other views of the same, for a method that needs them. */
  readonly moreViews?: readonly Tensor[];
  /** [N, 1, H, W] or [N, 1, 1, 1], in [0, 1], how much of each image is its own where the clean ones are mixed. */
  readonly mix?: Tensor;
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
export function batchFromPixels(pixels: PixelBatch, context: DrawContext, device: Device = "cpu"): Batch {
  return batchFromUpload(uploadPixels(pixels, device), pixels, context);
}

/** A loader's mini-batch as it gave it, on a device: as little as can be copied there. */
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
  /** int64 [N], those of the pending augmentation where there is one */
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

/** The mean losses of a step by what they are of, scalars in nats, before the update. Nothing has waited for them yet. */
export interface StepLosses {
  readonly [loss: `${string}Loss`]: Tensor | undefined;
  readonly cleanLoss?: Tensor;
  readonly adversarialLoss?: Tensor;
}

/** What a method's step is made from. */
export interface StepParts {
  readonly model: Forward;
  /** Gets the gradients of the step's losses. */
  readonly gradients: GradientStore;
  /** Of the labels of every loss of the step, in [0, 1). */
  readonly labelSmoothing: number;
  /** What the training passes compute again rather than keep: gradient checkpointing. */
  readonly recompute?: Recompute;
}

/** What the clean and the adversarial loss count in the gradient. */
export interface LossWeights {
  readonly clean: number;
  readonly adversarial: number;
}

/** The weights of AdvProp: the sum of both losses. */
export const SUM: LossWeights = { clean: 1, adversarial: 1 };

/** What batch norm a parameter is of: the main one, an auxiliary one, or none, so that all passes share it. */
export type ParameterOwner = "main" | "auxiliary" | "shared";

/** What a step is made from whose attack reuses the gradients of a training pass. */
export interface SingleStepParts {
  readonly threatModel: ThreatModel;
  /** Of the one step, with pixels in [0, 1]. */
  readonly stepSize: number;
  /** Of each leaf of the gradient store, in its order. */
  readonly owners: readonly ParameterOwner[];
}

/** What a step that attacks is made from. */
export interface AttackStepParts extends StepParts {
  readonly attack: Attack;
  /** Of the adversarial loss of a step that has a clean one beside it; labelSmoothing unless given. */
  readonly adversarialLabelSmoothing?: number;
  /** Of the losses of a step that has both; {@link SUM} unless given. */
  readonly lossWeights?: LossWeights;
  /** For Fast AdvProp, in place of the attack. */
  readonly singleStep?: SingleStepParts;
  /** How the attack's passes meet the network; the default is the paper's: running statistics, nothing updated. */
  readonly attackContext?: Omit<ForwardContext, "route">;
}

/** Adds the gradients of one mini-batch to the method's gradient store. Changes running statistics and nothing else. */
export type TrainingStep = (batch: Batch) => StepLosses;
