/** N images of one size. */
export interface Pixels {
  /** (N, H, W, 3) uint8, RGB */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** A batch of N labelled images. */
export interface PixelBatch extends Pixels {
  /** (N) */
  readonly labels: Int32Array;
  /** (N) identity of each sample: the key of its random draws */
  readonly samples: Uint32Array;
  /** (N) how many times the epoch visited each sample before: part of the key too. Absent where all visits are the first. */
  readonly repeats?: Uint32Array;
  /** (N, H, W, 3) uint8 each: other views of the same images, where the loader returns several. */
  readonly moreViews?: readonly Uint8Array[];
  /** How the clean images are mixed; undefined where they are not. */
  readonly mix?: MixingMask;
  /** Crops and flips that the training step must still apply. The pixels are then those of the set, for all views. */
  readonly pending?: PendingAugmentation;
}

/** Random crops and flips still to be applied, keyed by (seed, epoch, sample, stream). */
export interface PendingAugmentation extends CropAndFlip {
  readonly seed: number;
  readonly epoch: number;
  readonly views: number;
  /** (N) stream of each image's first view. The streams of its other views follow. */
  readonly streams: Uint32Array;
}

/** Crop and flip of images in memory. */
export interface CropAndFlip {
  /** Zero padding on each side before a window of the original size is cut at random; 0 for none. */
  readonly crop: number;
  /** Whether each image is mirrored with probability 1/2. */
  readonly flip: boolean;
}

/** Returns the batches of each epoch, a pure function of (seed, epoch). */
export interface Loader {
  /** Number of images in each batch, over all processes. */
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  /**
   * The batches of an epoch from its step `firstStep` on. They are the same as after a full epoch up to that step, so that a
   * run can be resumed in the middle of an epoch.
   */
  epoch(epoch: number, firstStep: number): AsyncIterable<PixelBatch>;
}

/** The weight of each image against its partner in the mini-batch. Image i is mixed with image N - 1 - i. */
export interface MixingMask {
  /** (N, height, width) in [0, 1]. 1 x 1 where all pixels of an image have the same weight. */
  readonly shares: Float32Array;
  readonly height: number;
  readonly width: number;
}
