/** What a data set is opened with, and what it is once it is open. */

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
  /** Images in all, of all parts; fewer come where images that cannot be decoded are skipped. */
  readonly length: number;
  /** The images, or a part of them, in order, as often as asked, the last batch smaller. */
  batches(batchSize: number, part?: BatchPart): AsyncIterable<PixelBatch>;
  /** The file of a photo by its identity, relative to the folder; absent for images in memory. */
  fileOf?(sample: number): string;
}

/** A data set, ready to be read. Parts that were not asked for or do not exist are undefined. */
export interface OpenedData {
  readonly name: string;
  readonly classes: readonly string[];
  /** Height and width of the images in the batches. */
  readonly imageSize: number;
  /** Whether the images have that size already and are taken whole, rather than cut out of photos. */
  readonly whole: boolean;
  readonly train: TrainingImages | undefined;
  readonly validation: EvaluationImages | undefined;
  readonly test: EvaluationImages | undefined;
  /** The parts that there are, also those that were not asked for. */
  readonly available: readonly Part[];
  /** Images of the parts whose size is known, whether they are read or not. */
  readonly sizes: Readonly<Partial<Record<Part, number>>>;
  /** Whether it is a folder of photos without parts, all of which are in `test`. */
  readonly undivided: boolean;
  /** How a folder of photos was divided, where it was not by its folders: to be saved with the run. */
  readonly split: SavedSplit | undefined;
  /** What is worth knowing of how a folder of photos was read; empty for images in memory. */
  readonly findings: readonly Finding[];
  /** The photos of the parts that are read; undefined for images in memory. */
  readonly photos: readonly UsedPhoto[] | undefined;
  /** SHA-256 of the training and validation images in memory, with their labels and identities; undefined for photos. */
  readonly digest: (() => string) | undefined;
  /** What one should know of how the images were chosen, a sentence each. */
  readonly notes: readonly string[];
  /** Photos that were left out so far, because they cannot be read. */
  leftOut(): readonly BadPhoto[];
  /** A few training images as evaluation sees them, for pictures of a run: always the same ones. */
  preview(count: number): Promise<PixelBatch>;
  /** How fast the training photos come; undefined where the images lie in memory. */
  statistics(): ReadingStatistics | undefined;
  /** Ends the threads that read photos. */
  close(): Promise<void>;
}

export interface OpenDataOptions extends PhotoFolderOptions {
  /** The parts that are wanted, by default train and validation. Others are not read. */
  readonly parts?: readonly Part[];
  readonly seed: number;
  readonly augmentation: StrongAugmentation & {
    /** Zero padding before a window is cut, of images in memory; photos are cut by {@link PhotoFolderOptions.crop}. */
    readonly crop: number;
    readonly flip: boolean;
  };
  /** Uses so many training images: the first of a set in memory, of photos a draw by class and seed. */
  readonly limitTrain?: number | null;
  /** Uses so many test images: the first of a set in memory, of photos a draw by class, the same whatever the seed. */
  readonly limitTest?: number | null;
  /** The same for the validation images. */
  readonly limitValidation?: number | null;
}

/** Images to train on. */
export interface TrainingImages {
  readonly length: number;
  /** Shuffled and augmented batches. Photos are cut and mirrored as they are read, whatever `leavePending` says. */
  loader(batchSize: number, options?: Pick<TrainingLoaderOptions, "views" | "part" | "leavePending">): Loader;
}

/** How a folder of photos is read. Where a value is left out its default in `photo-loader.ts` holds. */
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
   * Share of the training images that is split off for validation where the set has no such part. By default 0.15 of a
   * folder of photos without parts, and else none.
   */
  readonly validationFraction?: number | null;
  /** Share that is split off for the test where a folder of photos has no parts; by default 0.15. */
  readonly testFraction?: number | null;
  /** Whether all photos of a folder without parts are its test part: how a published set is measured. */
  readonly allForTest?: boolean;
  /** A split that was saved earlier, used instead of making one. */
  readonly split?: SavedSplit;
  /** Keys of photos that must not be in a part that is drawn here: those that a run was trained on. */
  readonly avoid?: ReadonlySet<string>;
  /** Called while a split is made, for which every photo is looked at. */
  readonly onProgress?: (done: number, total: number) => void;
}
