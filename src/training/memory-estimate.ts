/** Estimates the memory of a training step from measurements on small mini-batches, before the run starts. */
import type { PixelBatch } from "../data/loading/batch.js";
import { UsageError } from "../errors.js";
import { loadState, stateOf, toSafetensor } from "../models/weights.js";
import { memoryStats, releaseCachedMemory, resetPeakMemory } from "../tensor/index.js";
import type { TrainedParts } from "./checkpoint.js";
import { type UpdateParts, update } from "./update.js";

/** Peak memory of the tensors during an update: fixedBytes + bytesPerImage * batch size. */
export interface MemoryEstimate {
  readonly fixedBytes: number;
  readonly bytesPerImage: number;
}

/** The estimated peak memory for a batch size, in bytes. */
export const bytesFor = ({ fixedBytes, bytesPerImage }: MemoryEstimate, batchSize: number): number =>
  fixedBytes + bytesPerImage * batchSize;

/** Images up to this side are so cheap that larger batches are measured, which gives a better estimate. */
const SMALL_SIDE = 64;

/**
 * Makes real updates at two small batch sizes, measures the peak memory of each, and computes the straight line through the two. The
 * weights, statistics and optimiser are restored afterwards.
 *
 * @throws ERR_MEMORY_LIMIT even these batches do not fit
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
    // With accumulation the second mini-batch is in memory together with the gradients of the first. More mini-batches add nothing.
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

/** Share of the memory that an automatic batch may use; the rest is for the allocator's overhead. */
const AUTOMATIC_SHARE = 0.85;
/** Largest mini-batch that is chosen automatically. A larger one needs more memory and is not faster. */
const MOST_IMAGES = 256;

/** The size of an update and of its mini-batches. */
export interface AutomaticBatch {
  /** Images in a mini-batch. */
  readonly batchSize: number;
  /** Mini-batches in an update. */
  readonly accumulationSteps: number;
}

/**
 * Splits the images of an update into as few equal mini-batches as the memory allows: 1, 2, 4, ..., each of at most 256 images. If
 * there are fewer training images than `update`, the update has the largest power of two that they allow.
 *
 * @param available memory in bytes
 * @param images    number of training images
 * @param update    wanted number of images per update, which the learning rate is for
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

/** @throws ERR_MEMORY a batch of that size needs more memory than is available; the message says what would fit */
export function checkMemory(estimate: MemoryEstimate, batchSize: number, available: number): void {
  const needed = bytesFor(estimate, batchSize);
  if (needed <= available) return;
  const most = Math.floor((available - estimate.fixedBytes) / estimate.bytesPerImage);
  const advice =
    most >= 2
      ? `Use a batch of at most ${most}, or let \`training.batchSize: auto\` choose one`
      : "Use a smaller model or smaller images";
  throw new UsageError(
    "ERR_MEMORY",
    `train: a batch of ${batchSize} images needs about ${readableBytes(needed)} of memory, but only ${readableBytes(available)} are available. ` +
      `${advice}, or raise \`memoryLimit\` if the machine has more memory.`,
  );
}

/** "1.25 GB", "830 MB" */
export const readableBytes = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** A mini-batch of arbitrary images. */
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
