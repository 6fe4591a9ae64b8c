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
  /** (N) how often the epoch visited each sample before, part of the key too; absent where all are first visits. */
  readonly repeats?: Uint32Array;
  /** (N, H, W, 3) uint8 each, other views of the same images, where the loader gives several */
  readonly moreViews?: readonly Uint8Array[];
  /** How the clean images are mixed, where they are. */
  readonly mix?: MixingMask;
  /** Set where crop and mirroring are left to the training step: the pixels are those of the set, for all views. */
  readonly pending?: PendingAugmentation;
}

/** Crop and mirroring that images have yet to go through, by the draws of (seed, epoch, sample, stream). */
export interface PendingAugmentation extends CropAndFlip {
  readonly seed: number;
  readonly epoch: number;
  readonly views: number;
  /** (N) stream of each image's first view; those of others follow. */
  readonly streams: Uint32Array;
}

/** How images in memory are cut and mirrored. */
export interface CropAndFlip {
  /** Zero padding on each side before a window of the original size is cut at random; 0 for none. */
  readonly crop: number;
  /** Whether half of the images are mirrored. */
  readonly flip: boolean;
}

/** Gives the batches of each epoch, a pure function of (seed, epoch). */
export interface Loader {
  /** Images in each batch, over all parts. */
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  /**
   * The batches of an epoch from step `firstStep` of that epoch on, the same as when the earlier ones were skipped:
   * how a resumed run continues in the middle of an epoch.
   */
  epoch(epoch: number, firstStep: number): AsyncIterable<PixelBatch>;
}

/** How much of each image stays, the rest being its partner's: that of the opposite place in the mini-batch. */
export interface MixingMask {
  /** (N, height, width) in [0, 1]; 1 x 1 where all pixels of an image have one share. */
  readonly shares: Float32Array;
  readonly height: number;
  readonly width: number;
}
