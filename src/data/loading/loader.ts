/** Batches of pixels in a reproducible order. */

import { UsageError } from "../../errors.js";
import { cropPadded, flipHorizontal } from "../../images/augmentation/augmentation.js";
import { augmentStrongly, isNeutral, type StrongAugmentation } from "../../images/augmentation/strong-augmentation.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import type { Dataset } from "../datasets/dataset.js";
import type { CropAndFlip, Loader, PixelBatch } from "./batch.js";
import { epochOrder, type Sampler } from "./sampler.js";
import { ONE_VIEW, type ViewSource } from "./view-sources.js";

/** The part of each batch that one of several processes reads. */
export interface BatchPart {
  /** From 0. */
  readonly index: number;
  /** Number of parts, of equal size. */
  readonly count: number;
}

/** Options of {@link trainingLoader}. */
export interface TrainingLoaderOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** By default `uniform`: every image once per epoch. */
  readonly sampler?: Sampler;
  readonly augmentation: CropAndFlip & StrongAugmentation;
  /** The views of each image of a batch, each with its own draws. By default one, `strong`. */
  readonly views?: readonly ViewSource[];
  /** The part of each batch to return; by default the whole batch. The number of parts does not change the images. */
  readonly part?: BatchPart;
  /** Leaves crop and flip to the training step, on the device of the network. Ignored where a view is `plain` or has a policy. */
  readonly leavePending?: boolean;
}

/**
 * Shuffled and augmented batches. The last batch is dropped if it is smaller, since batch norm needs full ones.
 *
 * Every draw is keyed by (seed, purpose, epoch, sample, visit). So the augmentation of an image does not depend on the batch
 * size, the position in the order or the other images.
 *
 * @throws UsageError ERR_BATCH_SIZE where the batch size is not a positive integer or exceeds the set
 * @throws UsageError ERR_AUGMENTATION where the crop is not a non-negative integer
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function trainingLoader(dataset: Dataset, options: TrainingLoaderOptions): Loader {
  const { batchSize, seed, sampler = "uniform", augmentation, views = ONE_VIEW, leavePending = false } = options;
  checkBatchSize(batchSize, "trainingLoader");
  const { offset, size } = partOf(batchSize, options.part, "trainingLoader");
  checkSeed(seed, "trainingLoader");
  const { crop, flip } = augmentation;
  if (!Number.isInteger(crop) || crop < 0) {
    throw new UsageError(
      "ERR_AUGMENTATION",
      `trainingLoader: crop must be a non-negative integer, the padding in pixels; got ${crop}.`,
    );
  }
  checkBatchFits(batchSize, dataset, "trainingLoader");
  const { height, width } = dataset;
  const stepsPerEpoch = Math.floor(dataset.length / batchSize);

  /** `stream` distinguishes the views of an image and its repeated visits within an epoch. */
  function augment(
    source: Uint8Array,
    sample: number,
    epoch: number,
    { stream, view }: { readonly stream: number; readonly view: ViewSource },
    target: Uint8Array,
  ): void {
    if (view === "plain") {
      target.set(source);
      return;
    }
    if (crop > 0) {
      const random = new KeyedRandom(seed, Purpose.crop, epoch, sample, stream);
      const offsets = 2 * crop + 1;
      cropPadded(source, height, width, crop, random.integer(0, offsets), random.integer(1, offsets), target);
    } else {
      target.set(source);
    }
    if (flip && new KeyedRandom(seed, Purpose.flip, epoch, sample, stream).uniform(0) < 0.5) {
      flipHorizontal(target, height, width);
    }
    if (view === "strong" && !isNeutral(augmentation)) {
      const draws = (purpose: number) => new KeyedRandom(seed, purpose, epoch, sample, stream);
      augmentStrongly({ pixels: target, height, width }, augmentation, draws);
    }
  }

  return {
    batchSize,
    stepsPerEpoch,
    async *epoch(epoch, firstStep) {
      const { indices, repeats } = epochOrder(sampler, dataset, seed, epoch);
      for (let step = firstStep; step < stepsPerEpoch; step++) {
        const start = step * batchSize + offset;
        const indicesOfStep = indices.subarray(start, start + size);
        const repeatsOfStep = repeats.slice(start, start + size);
        const streams = repeatsOfStep.map((repeat) => views.length * repeat);
        const visits = visitsOf(repeatsOfStep);
        if (leavePending && views.every((view) => view === "weak" || (view === "strong" && isNeutral(augmentation)))) {
          const pending = { crop, flip, seed, epoch, views: views.length, streams };
          yield { ...gather(dataset, indicesOfStep, copyImage), ...visits, pending };
          continue;
        }
        const [first, ...others] = views.map((view, number) =>
          gather(dataset, indicesOfStep, (source, i, sample, target) =>
            augment(source, sample, epoch, { stream: streams[i] + number, view }, target),
          ),
        );
        const moreViews = others.map(({ pixels }) => pixels);
        yield { ...first, ...visits, ...(moreViews.length > 0 && { moreViews }) };
      }
    },
  };
}

/**
 * The unchanged images in order. The last batch can be smaller. The batches can be iterated more than once.
 *
 * @param part the part of the images to return; by default all
 * @throws UsageError ERR_BATCH_SIZE where the batch size is not a positive integer
 */
export function evaluationBatches(dataset: Dataset, batchSize: number, part?: BatchPart): Iterable<PixelBatch> {
  checkBatchSize(batchSize, "evaluationBatches");
  const [begin, end] = rangeOf(dataset.length, part);
  return {
    *[Symbol.iterator]() {
      for (let first = begin; first < end; first += batchSize) {
        const length = Math.min(batchSize, end - first);
        const indices = Uint32Array.from({ length }, (_, i) => first + i);
        yield gather(dataset, indices, copyImage);
      }
    },
  };
}

/**
 * Offset and size of a part of a batch.
 *
 * @throws UsageError ERR_BATCH_SIZE where the batch cannot be split into equal parts
 */
export function partOf(batchSize: number, part: BatchPart | undefined, what: string): { offset: number; size: number } {
  if (part === undefined) return { offset: 0, size: batchSize };
  checkPart(part, what);
  const size = batchSize / part.count;
  if (Number.isInteger(size)) return { offset: part.index * size, size };
  const below = Math.floor(size) * part.count;
  throw new UsageError(
    "ERR_BATCH_SIZE",
    `${what}: \`batchSize\` must be a multiple of the number of processes, ${part.count}, so that each gets equally many images; ` +
      `got ${batchSize}. Choose ${below > 0 ? `${below} or ` : ""}${below + part.count}.`,
  );
}

/** @throws UsageError ERR_BATCH_PART where the index is out of range */
function checkPart({ index, count }: BatchPart, what: string): void {
  if (Number.isSafeInteger(count) && Number.isSafeInteger(index) && index >= 0 && index < count) return;
  throw new UsageError(
    "ERR_BATCH_PART",
    `${what}: the index of a part must be an integer in [0, count); got ${index} of ${count}. Give the rank of the process and the number of processes`,
  );
}

/** First index and end of a part of some images. The sizes of parts differ by at most one. */
export const rangeOf = (length: number, part: BatchPart = { index: 0, count: 1 }): [begin: number, end: number] => [
  Math.floor((length * part.index) / part.count),
  Math.floor((length * (part.index + 1)) / part.count),
];

/** The `repeats` of a batch; absent where all visits are the first. */
export const visitsOf = (repeats: Uint32Array): Pick<PixelBatch, "repeats"> =>
  repeats.some((repeat) => repeat > 0) ? { repeats } : {};

/** Writes image number i of a batch into `target`. */
type WriteImage = (source: Uint8Array, i: number, sample: number, target: Uint8Array) => void;

const copyImage: WriteImage = (source, _i, _sample, target) => target.set(source);

/** A batch of the images at `indices`. */
function gather(dataset: Dataset, indices: Uint32Array, write: WriteImage): PixelBatch {
  const { height, width } = dataset;
  const imageBytes = height * width * 3;
  const pixels = new Uint8Array(indices.length * imageBytes);
  const samples = indices.map((index) => dataset.samples[index]);
  indices.forEach((index, i) => {
    write(dataset.pixels(index), i, samples[i], pixels.subarray(i * imageBytes, (i + 1) * imageBytes));
  });
  return { pixels, labels: Int32Array.from(indices, (index) => dataset.labels[index]), samples, height, width };
}

/** @throws UsageError ERR_BATCH_SIZE where the batch size is not a positive integer */
export function checkBatchSize(batchSize: number, what: string): void {
  if (Number.isInteger(batchSize) && batchSize >= 1) return;
  throw new UsageError("ERR_BATCH_SIZE", `${what}: \`batchSize\` must be a positive integer; got ${batchSize}.`);
}

/** Checks that a training set has at least one whole batch. @throws UsageError ERR_BATCH_SIZE */
export function checkBatchFits(
  batchSize: number,
  { length, name }: { readonly length: number; readonly name: string },
  what: string,
): void {
  if (batchSize <= length) return;
  throw new UsageError(
    "ERR_BATCH_SIZE",
    `${what}: \`batchSize\` must be at most ${length}, the number of training images of ${name}, since a partial batch is dropped; ` +
      `got ${batchSize}. Choose a smaller one, or add images.`,
  );
}
