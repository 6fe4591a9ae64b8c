/** Loaders of photos: random resized crops for training, centre crops for evaluation. */

import { UsageError } from "../../errors.js";
import type { StrongAugmentation } from "../../images/augmentation/strong-augmentation.js";
import { type CropLimits, defaultCropFraction, INCEPTION_CROP } from "../../images/crop.js";
import type { Interpolation } from "../../images/resize.js";
import { checkSeed } from "../../random.js";
import type { Loader, PixelBatch } from "../loading/batch.js";
import { type BatchPart, checkBatchFits, checkBatchSize, partOf, rangeOf, visitsOf } from "../loading/loader.js";
import { epochOrder, type Sampler } from "../loading/sampler.js";
import { ONE_VIEW, type ViewSource } from "../loading/view-sources.js";
import { checkWorkers, defaultWorkers } from "../loading/worker-threads.js";
import { shardStarts } from "../shards/shard-order.js";
import { type BadImagePolicy, LeftOutPhotos } from "./bad-photos.js";
import { PhotoReader, type ReadingStatistics } from "./photo-reader.js";
import type { PhotoSet } from "./photo-set.js";

/** Options of both training and evaluation. */
export interface PhotoOptions extends BadImagePolicy {
  readonly batchSize: number;
  /** Side of the square images in the batches. */
  readonly size: number;
  /** By default bicubic. */
  readonly interpolation?: Interpolation;
  /** Worker threads; by default one for each processor, at most as many as Node's pool has threads (4). */
  readonly workers?: number;
  /** Number of batches that are read ahead, by default 3. */
  readonly prefetch?: number;
  /** Collects the photos that are left out, for several loaders of one set. Replaces `onBadImage` and `maxBad`. */
  readonly leftOut?: LeftOutPhotos;
}

export interface TrainingPhotoOptions extends PhotoOptions, StrongAugmentation {
  readonly seed: number;
  /** By default `uniform`: every photo once per epoch. */
  readonly sampler?: Sampler;
  /** By default {@link INCEPTION_CROP}. */
  readonly crop?: CropLimits;
  /** Whether each image is mirrored with probability 1/2; by default true. */
  readonly flip?: boolean;
  /**
   * Bytes of decoded photos that may be kept in memory; by default 0. As many photos as fit, spread evenly over the set, are
   * decoded only once, at a size for which hardly any crop must be enlarged (`copySide`). Their crops are then cut from that
   * copy. All other crops are cut from the files. The choice of photos depends only on the set and the memory. A crop of a copy
   * shows the same region as a crop of the file, and is as sharp.
   */
  readonly cacheBytes?: number;
  /** The views of each photo of a batch, each with its own draws. By default one, `strong`. */
  readonly views?: readonly ViewSource[];
  /** The part of each batch to return; by default the whole batch. */
  readonly part?: BatchPart;
}

export interface EvaluationPhotoOptions extends PhotoOptions {
  /** Side of the square as a share of the resized short side; by default {@link defaultCropFraction}. */
  readonly cropFraction?: number;
  /** The part of the photos to return; by default all. */
  readonly part?: BatchPart;
}

/** Methods that loaders of photos have besides their batches. */
export interface PhotoSource {
  statistics(): ReadingStatistics;
  /** Ends the worker threads. They do not keep the process alive. */
  close(): Promise<void>;
}

/** Photos for evaluation, in order. They can be iterated more than once. The last batch can be smaller. */
export interface EvaluationPhotos extends PhotoSource, AsyncIterable<PixelBatch> {
  readonly length: number;
}

/**
 * Shuffled photos, randomly cropped, resized and flipped by worker threads. The last batch is dropped if it is smaller.
 *
 * Every draw is keyed by (seed, purpose, epoch, sample, visit). So the batches are the same for any number of workers and after
 * a resume at any step.
 *
 * @throws UsageError ERR_BATCH_SIZE, ERR_SEED, ERR_IMAGE_SIZE, ERR_CROP, ERR_WORKERS, ERR_PREFETCH, ERR_CACHE
 */
export function trainingPhotos(set: PhotoSet, options: TrainingPhotoOptions): Loader & PhotoSource {
  const what = "trainingPhotos";
  const { batchSize, size, seed, sampler = "uniform", crop = INCEPTION_CROP, flip = true } = options;
  const { autoAugment, randAugment, colorJitter, randomErasing, cacheBytes = 0, views = ONE_VIEW } = options;
  const common = checked(what, set, options);
  const { offset, size: partSize } = partOf(batchSize, options.part, what);
  checkSeed(seed, what);
  checkCrop(crop);
  if (!(cacheBytes >= 0)) {
    throw new UsageError("ERR_CACHE", `${what}: cacheBytes must be at least 0; got ${cacheBytes}.`);
  }
  checkBatchFits(batchSize, set, what);
  const reader = new PhotoReader(set, {
    ...common,
    batchSize: views.length * partSize,
    cacheBytes,
    transform: {
      kind: "train",
      size,
      seed,
      crop,
      flip,
      strong: { autoAugment, randAugment, colorJitter, randomErasing },
      views,
      cropFraction: defaultCropFraction(size),
      interpolation: common.interpolation,
    },
  });
  const stepsPerEpoch = Math.floor(set.length / batchSize);
  const starts = shardStarts(set.files);
  return {
    batchSize,
    stepsPerEpoch,
    epoch(epoch, firstStep) {
      const { indices, repeats } = epochOrder(sampler, set, seed, epoch, starts);
      const mine = (_: number, position: number) =>
        position >= firstStep * batchSize &&
        position < stepsPerEpoch * batchSize &&
        Math.floor(((position % batchSize) - offset) / partSize) === 0;
      const visited = indices.filter(mine);
      const streams = repeats.filter(mine);
      const { length } = views;
      return length === 1
        ? reader.pass(epoch, visited, streams)
        : severalViews(reader, epoch, { indices: visited, repeats: streams, batchSize: partSize, views: length });
    },
    statistics: () => reader.statistics(),
    close: () => reader.close(),
  };
}

interface Visits {
  readonly indices: Uint32Array;
  readonly repeats: Uint32Array;
  readonly batchSize: number;
  readonly views: number;
}

/** Reads the photos of each batch once per view, as one large batch, and splits it into the views. */
async function* severalViews(
  reader: PhotoReader,
  epoch: number,
  { indices, repeats, batchSize, views }: Visits,
): AsyncGenerator<PixelBatch> {
  const visited = new Uint32Array(views * indices.length);
  const streams = new Uint32Array(views * indices.length);
  for (let first = 0; first < indices.length; first += batchSize) {
    for (let view = 0; view < views; view++) {
      const start = views * first + view * batchSize;
      visited.set(indices.subarray(first, first + batchSize), start);
      streams.set(
        repeats.subarray(first, first + batchSize).map((repeat) => views * repeat + view),
        start,
      );
    }
  }
  for await (const batch of reader.pass(epoch, visited, streams)) {
    // A photo that cannot be read is missing from all views.
    const { repeats, ...all } = batch;
    const { pixels, labels, samples } = all;
    const part = (view: number) =>
      pixels.subarray((view * pixels.length) / views, ((view + 1) * pixels.length) / views);
    yield {
      ...all,
      pixels: part(0),
      moreViews: Array.from({ length: views - 1 }, (_, i) => part(i + 1)),
      labels: labels.subarray(0, labels.length / views),
      samples: samples.subarray(0, samples.length / views),
      // The streams of a photo's views are consecutive.
      ...(repeats && visitsOf(repeats.slice(0, repeats.length / views).map((stream) => Math.floor(stream / views)))),
    };
  }
}

/**
 * Photos for the evaluation of a classifier: resized as a whole, with a centre crop.
 *
 * @throws UsageError ERR_BATCH_SIZE, ERR_IMAGE_SIZE, ERR_CROP, ERR_WORKERS, ERR_PREFETCH
 */
export function evaluationPhotos(set: PhotoSet, options: EvaluationPhotoOptions): EvaluationPhotos {
  const { size } = options;
  const common = checked("evaluationPhotos", set, options);
  const cropFraction = options.cropFraction ?? defaultCropFraction(size);
  if (!(cropFraction > 0 && cropFraction <= 1)) {
    throw new UsageError(
      "ERR_CROP",
      `evaluationPhotos: cropFraction must be in (0, 1], a share of the short side; got ${cropFraction}.`,
    );
  }
  const transform = { kind: "evaluate", size, interpolation: common.interpolation, cropFraction } as const;
  const reader = new PhotoReader(set, { ...common, cacheBytes: 0, transform });
  const [begin, end] = rangeOf(set.length, options.part);
  return {
    length: end - begin,
    [Symbol.asyncIterator]: () =>
      reader.pass(
        0,
        Uint32Array.from({ length: end - begin }, (_, i) => begin + i),
        new Uint32Array(end - begin),
      ),
    statistics: () => reader.statistics(),
    close: () => reader.close(),
  };
}

/** The checked options of both, with their defaults. */
function checked(what: string, { root }: PhotoSet, options: PhotoOptions) {
  const { batchSize, size, interpolation = "bicubic", workers = defaultWorkers(), prefetch = 3 } = options;
  const { leftOut = new LeftOutPhotos(root, options) } = options;
  checkBatchSize(batchSize, what);
  checkWorkers(workers, what);
  if (!Number.isInteger(size) || size < 1) {
    throw new UsageError("ERR_IMAGE_SIZE", `${what}: size must be a positive integer; got ${size}.`);
  }
  if (!Number.isInteger(prefetch) || prefetch < 1) {
    throw new UsageError("ERR_PREFETCH", `${what}: prefetch must be a positive integer; got ${prefetch}.`);
  }
  return { batchSize, interpolation, workers, prefetch, leftOut };
}

function checkCrop({ area, aspect }: CropLimits): void {
  if (area[0] > 0 && area[0] <= area[1] && area[1] <= 1 && aspect[0] > 0 && aspect[0] <= aspect[1]) return;
  throw new UsageError(
    "ERR_CROP",
    "trainingPhotos: the limits of crop must be ascending, for the area in (0, 1] and for the aspect above 0; " +
      `got area ${area.join(" to ")} and aspect ${aspect.join(" to ")}.`,
  );
}
