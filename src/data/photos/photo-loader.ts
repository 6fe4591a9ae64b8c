/** Loaders of photos: random resized crops to train on, centre crops to evaluate on. */

import { UsageError } from "../../errors.js";
import type { StrongAugmentation } from "../../images/augmentation/strong-augmentation.js";
import { type CropLimits, defaultCropFraction, INCEPTION_CROP } from "../../images/crop.js";
import type { Interpolation } from "../../images/resize.js";
import { checkSeed } from "../../random.js";
import type { Loader, PixelBatch } from "../loading/batch.js";
import { type BatchPart, checkBatchSize, partOf, rangeOf, visitsOf } from "../loading/loader.js";
import { epochOrder, type Sampler } from "../loading/sampler.js";
import { ONE_VIEW, type ViewSource } from "../loading/view-sources.js";
import { checkWorkers, defaultWorkers } from "../loading/worker-threads.js";
import { shardStarts } from "../shards/shard-order.js";
import { type BadImagePolicy, LeftOutPhotos } from "./bad-photos.js";
import { PhotoReader, type ReadingStatistics } from "./photo-reader.js";
import type { PhotoSet } from "./photo-set.js";

/** What training and evaluation have in common. */
export interface PhotoOptions extends BadImagePolicy {
  readonly batchSize: number;
  /** Side of the square images in the batches. */
  readonly size: number;
  /** By default bicubic. */
  readonly interpolation?: Interpolation;
  /** Worker threads; by default one for each processor, at most as many as Node's pool has threads (4). */
  readonly workers?: number;
  /** Batches that are read ahead, by default 3. */
  readonly prefetch?: number;
  /** Where photos that are left out are gathered, for several loaders of one set; `onBadImage` and `maxBad` are then its own. */
  readonly leftOut?: LeftOutPhotos;
}

export interface TrainingPhotoOptions extends PhotoOptions, StrongAugmentation {
  readonly seed: number;
  /** By default uniform: every photo once. */
  readonly sampler?: Sampler;
  /** By default {@link INCEPTION_CROP}. */
  readonly crop?: CropLimits;
  /** Whether half of the images are mirrored; by default they are. */
  readonly flip?: boolean;
  /**
   * Bytes of decoded photos that may be kept in memory; by default 0, none. As many photos as fit, spread evenly over the set, are
   * decoded once, at a size of which hardly any crop must be enlarged (`copySide`), and cut from that copy; all others are cut
   * from their files each time. Which is which depends on the set and the memory alone. A crop of a copy shows the same part of
   * the photo as one of the file, and is as sharp.
   */
  readonly cacheBytes?: number;
  /** The views of each photo of a batch, each with draws of its own; one, `strong`, unless given. */
  readonly views?: readonly ViewSource[];
  /** Gives this part of each batch alone; the whole unless given. */
  readonly part?: BatchPart;
}

export interface EvaluationPhotoOptions extends PhotoOptions {
  /** Side of the square as a share of the resized short side; by default {@link defaultCropFraction}. */
  readonly cropFraction?: number;
  /** Gives this part of the photos alone; all unless given. */
  readonly part?: BatchPart;
}

/** What loaders of photos have beside their batches. */
export interface PhotoSource {
  statistics(): ReadingStatistics;
  /** Ends the worker threads. They do not keep the process alive by themselves. */
  close(): Promise<void>;
}

/** Photos to evaluate on, in order, as often as asked; the last batch may be smaller. */
export interface EvaluationPhotos extends PhotoSource, AsyncIterable<PixelBatch> {
  readonly length: number;
}

/**
 * Shuffled photos, cut at random, resized and mirrored by worker threads. The last partial batch is dropped.
 *
 * Every draw is keyed by (seed, purpose, epoch, sample, visit): batches are the same on any number of workers, and from
 * any step on.
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
  if (set.length < batchSize) {
    throw new UsageError(
      "ERR_BATCH_SIZE",
      `${what}: the batch size must be at most ${set.length}, the number of training images of ${set.name}, since a ` +
        `partial batch is dropped; got ${batchSize}. Take a smaller batch or more images.`,
    );
  }
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
      const mine = (_: number, place: number) =>
        place >= firstStep * batchSize &&
        place < stepsPerEpoch * batchSize &&
        Math.floor(((place % batchSize) - offset) / partSize) === 0;
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

/** Reads each batch's photos once a view, as one batch whose parts, one after the other, become the views. */
async function* severalViews(
  reader: PhotoReader,
  epoch: number,
  { indices, repeats, batchSize, views }: Visits,
): AsyncGenerator<PixelBatch> {
  const visited = new Uint32Array(views * indices.length);
  const streams = new Uint32Array(views * indices.length);
  for (let first = 0; first < indices.length; first += batchSize) {
    for (let view = 0; view < views; view++) {
      const place = views * first + view * batchSize;
      visited.set(indices.subarray(first, first + batchSize), place);
      streams.set(
        repeats.subarray(first, first + batchSize).map((repeat) => views * repeat + view),
        place,
      );
    }
  }
  for await (const batch of reader.pass(epoch, visited, streams)) {
    // A photo that cannot be read is missing from all parts.
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
      // The streams of a photo's views follow each other.
      ...(repeats && visitsOf(repeats.slice(0, repeats.length / views).map((stream) => Math.floor(stream / views)))),
    };
  }
}

/**
 * Photos as a classifier is measured on them: resized as a whole, the middle cut out.
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

/** The options of both, with defaults, checked. */
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
    "trainingPhotos: crop must have ascending limits, of the area in (0, 1] and of the aspect above 0; " +
      `got area ${area.join(" to ")} and aspect ${aspect.join(" to ")}.`,
  );
}
