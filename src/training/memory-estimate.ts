/** How much memory a training step takes: measured on small mini-batches, before the run starts. */
import type { PixelBatch } from "../data/loading/batch.js";
import { UsageError } from "../errors.js";
import { loadState, stateOf, toSafetensor } from "../models/weights.js";
import { memoryStats, releaseCachedMemory, resetPeakMemory } from "../tensor/index.js";
import type { TrainedParts } from "./checkpoint.js";
import { type UpdateParts, update } from "./update.js";

/** Bytes of tensors at the peak of an update: fixedBytes + bytesPerImage * batch size. */
export interface MemoryEstimate {
  readonly fixedBytes: number;
  readonly bytesPerImage: number;
}

/** The bytes that a batch size takes. */
export const bytesFor = ({ fixedBytes, bytesPerImage }: MemoryEstimate, batchSize: number): number =>
  fixedBytes + bytesPerImage * batchSize;

/** Images up to this side cost so little that larger batches, which tell more, are measured. */
const SMALL_SIDE = 64;

/**
 * Makes real updates at two small batch sizes, reads the peak of each, and draws the straight line through them. The
 * weights, statistics and optimiser are left as they were.
 *
 * @throws ERR_MEMORY_LIMIT even these do not fit
 */
export function estimateMemory(
  parts: UpdateParts & TrainedParts,
  {
    side,
    accumulationSteps,
    views = 1,
  }: { readonly side: number; readonly accumulationSteps: number; readonly views?: number },
): MemoryEstimate {
  const { model, optimizer } = parts;
  const weights = stateOf(model.network);
  const moments = new Map(Array.from(optimizer.state(), ([name, tensor]) => [name, toSafetensor(tensor)]));
  const classes = model.specification.classes.length;
  const peak = (batchSize: number): number => {
    // With accumulation the second mini-batch stands beside the gradients of the first; more change nothing.
    const batches = new Array<PixelBatch>(Math.min(accumulationSteps, 2)).fill(
      patterned(batchSize, side, classes, views),
    );
    releaseCachedMemory();
    resetPeakMemory();
    update({ ...parts, average: undefined }, batches, { seed: 0, epoch: 0, step: 0, rate: 0, saved: 0 });
    return memoryStats().peakBytes;
  };
  try {
    const [few, more] = side <= SMALL_SIDE ? [8, 16] : [2, 4];
    const low = peak(few);
    const bytesPerImage = (peak(more) - low) / (more - few);
    return { fixedBytes: low - few * bytesPerImage, bytesPerImage };
  } finally {
    loadState(model.network.state(), weights, "estimateMemory");
    loadState(optimizer.state(), moments, "estimateMemory");
    releaseCachedMemory();
  }
}

/** Share of the memory that an automatic batch may take; the rest is for what falls between tensors. */
const AUTOMATIC_SHARE = 0.85;
/** The most images of a mini-batch that is chosen automatically: more take memory and gain nothing. */
const MOST_IMAGES = 256;

/** How many images make an update, and in which parts. */
export interface AutomaticBatch {
  /** Images in a mini-batch. */
  readonly batchSize: number;
  /** Mini-batches in an update. */
  readonly accumulationSteps: number;
}

/**
 * The images of an update in as few equal mini-batches as fit: 1, 2, 4, ... of them, each of at most 256 images. Of fewer training
 * images than that, the largest power of two.
 *
 * @param available bytes
 * @param images    of the training set
 * @param update    images that an update is to have, those that the learning rate is for
 * @throws ERR_MEMORY not even two images fit
 */
export function automaticBatch(
  estimate: MemoryEstimate,
  available: number,
  images: number,
  update: number,
): AutomaticBatch {
  const wanted = update <= images ? update : 2 ** Math.floor(Math.log2(Math.max(2, images)));
  const fits = (size: number) => size <= MOST_IMAGES && bytesFor(estimate, size) <= AUTOMATIC_SHARE * available;
  let accumulationSteps = 1;
  const batchSize = () => Math.floor(wanted / accumulationSteps);
  while (batchSize() >= 4 && !fits(batchSize())) accumulationSteps *= 2;
  checkMemory(estimate, batchSize(), available);
  return { batchSize: batchSize(), accumulationSteps };
}

/** @throws ERR_MEMORY a batch of that size takes more than is available, with what would fit instead */
export function checkMemory(estimate: MemoryEstimate, batchSize: number, available: number): void {
  const needed = bytesFor(estimate, batchSize);
  if (needed <= available) return;
  const most = Math.floor((available - estimate.fixedBytes) / estimate.bytesPerImage);
  const advice =
    most >= 2
      ? `Take a batch of at most ${most} (\`training.batchSize: auto\` finds one; in several mini-batches an update where it must)`
      : "Take a smaller model or smaller images";
  throw new UsageError(
    "ERR_MEMORY",
    `train: a batch of ${batchSize} images takes about ${readableBytes(needed)}, and ${readableBytes(available)} are available. ` +
      `${advice}, or raise \`memoryLimit\` where the machine has more.`,
  );
}

/** "1.25 GB", "830 MB" */
export const readableBytes = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** A mini-batch of no particular images. */
function patterned(count: number, side: number, classes: number, views: number): PixelBatch {
  const pixels = Uint8Array.from({ length: count * side * side * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  return {
    pixels,
    ...(views > 1 && { moreViews: new Array<Uint8Array>(views - 1).fill(pixels) }),
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
    samples: Uint32Array.from({ length: count }, (_, i) => i),
    height: side,
    width: side,
  };
}
