/** Types of an open data set and of the options for opening one. */

import type { StrongAugmentation } from "../images/augmentation/strong-augmentation.js";
import type { CropLimits } from "../images/crop.js";
import type { Interpolation } from "../images/resize.js";
import type { Part } from "./folders/image-folder.js";
import type { SavedSplit } from "./folders/photo-split.js";
import type { Finding } from "./inspection/findings.js";
import type { Loader, PixelBatch } from "./loading/batch.js";
import type { BatchPart, TrainingLoaderOptions } from "./loading/loader.js";
import type { Sampler } from "./loading/sampler.js";
import type { BadImagePolicy, BadPhoto } from "./photos/bad-photos.js";

import type { ReadingStatistics } from "./photos/photo-reader.js";
import type { UsedPhoto } from "./photos/used-photos.js";

/** Images to evaluate on. */
export interface EvaluationImages {
  /** Number of images over all parts. Fewer are returned where images that cannot be decoded are skipped. */
  readonly length: number;
  /** The images, or a part of them, in order. Can be called more than once. The last batch can be smaller. */
  batches(batchSize: number, part?: BatchPart): AsyncIterable<PixelBatch>;
  /** The file of a photo by its identity, relative to the folder; absent for images in memory. */
  fileOf?(sample: number): string;
}

/** A data set that is ready to be read. Parts that were not requested or do not exist are undefined. */
export interface OpenedData {
  readonly name: string;
  readonly classes: readonly string[];
  /** Height and width of the images in the batches. */
  readonly imageSize: number;
  /** Whether the images have that size already, so that they are used whole. Photos are cropped instead. */
  readonly whole: boolean;
  readonly train: TrainingImages | undefined;
  readonly validation: EvaluationImages | undefined;
  readonly test: EvaluationImages | undefined;
  /** The existing parts, including those that were not requested. */
  readonly available: readonly Part[];
  /** Number of images of each part whose size is known, also of parts that are not read. */
  readonly sizes: Readonly<Partial<Record<Part, number>>>;
  /** Whether this is a folder of photos without parts, all of which are in `test`. */
  readonly undivided: boolean;
  /** The split of a folder of photos without its own parts, to be saved with the run. */
  readonly split: SavedSplit | undefined;
  /** Findings about how a folder of photos was read; empty for images in memory. */
  readonly findings: readonly Finding[];
  /** The photos of the parts that are used; undefined for images in memory. */
  readonly photos: readonly UsedPhoto[] | undefined;
  /** SHA-256 of the training and validation images in memory, with their labels and identities; undefined for photos. */
  readonly digest: (() => string) | undefined;
  /** Sentences that tell the user how the images were chosen. */
  readonly notes: readonly string[];
  /** The photos that were left out until now, because they cannot be read. */
  leftOut(): readonly BadPhoto[];
  /** A few training images, transformed as for evaluation, for the pictures of a run. They are always the same. */
  preview(count: number): Promise<PixelBatch>;
  /** How fast the training photos are read; undefined for images in memory. */
  statistics(): ReadingStatistics | undefined;
  /** Ends the threads that read photos. */
  close(): Promise<void>;
}

export interface OpenDataOptions extends PhotoFolderOptions {
  /** The parts to open, by default train and validation. Others are not read. */
  readonly parts?: readonly Part[];
  readonly seed: number;
  readonly augmentation: StrongAugmentation & {
    /** Zero padding before a random crop, for images in memory. Photos are cropped by {@link PhotoFolderOptions.crop}. */
    readonly crop: number;
    readonly flip: boolean;
  };
  /** Number of training images to use: the first ones of a set in memory; of photos, a random draw by class and seed. */
  readonly limitTrain?: number | null;
  /** Number of test images to use: the first ones of a set in memory; of photos, a draw by class, the same for all seeds. */
  readonly limitTest?: number | null;
  /** The same for the validation images. */
  readonly limitValidation?: number | null;
}

/** Images to train on. */
export interface TrainingImages {
  readonly length: number;
  /** Shuffled and augmented batches. Photos are cropped and flipped when they are read, whatever `leavePending` is. */
  loader(batchSize: number, options?: Pick<TrainingLoaderOptions, "views" | "part" | "leavePending">): Loader;
}

/** How a folder of photos is read. The defaults of other options are in `photo-loader.ts`. */
export interface PhotoFolderOptions extends BadImagePolicy {
  /** By default 224. */
  readonly imageSize?: number | null;
  readonly sampler?: Sampler;
  readonly crop?: CropLimits;
  readonly interpolation?: Interpolation;
  readonly cropFraction?: number;
  readonly workers?: number;
  readonly prefetch?: number;
  readonly cacheBytes?: number;
  /**
   * Share of the training images that is split off for validation where the set has no such part. By default 0.15 for a
   * folder of photos without parts, else 0.
   */
  readonly validationFraction?: number | null;
  /** Share of the photos that is split off for the test where a folder has no parts; by default 0.15. */
  readonly testFraction?: number | null;
  /** Whether all photos of a folder without parts are its test part, as for the evaluation of a published set. */
  readonly allForTest?: boolean;
  /** A saved split to use instead of a new one. */
  readonly split?: SavedSplit;
  /** Keys of photos that a new part must not contain, because a run was trained on them. */
  readonly avoid?: ReadonlySet<string>;
  /** Called while a split is made, which reads every photo. */
  readonly onProgress?: (done: number, total: number) => void;
}
