/** Messages between the main thread and the worker threads that read photos. */

import type { StrongAugmentation } from "../../images/augmentation/strong-augmentation.js";
import type { CropLimits } from "../../images/crop.js";
import type { Interpolation } from "../../images/resize.js";
import type { ViewSource } from "../loading/view-sources.js";

/** A random crop of a photo is resized. */
export interface TrainingTransform {
  readonly kind: "train";
  readonly size: number;
  readonly interpolation: Interpolation;
  readonly crop: CropLimits;
  readonly flip: boolean;
  /** Applied last. */
  readonly strong: StrongAugmentation;
  /** The views of a batch. It holds every photo once for each view, one view after the other. */
  readonly views: readonly ViewSource[];
  /** For `plain` views. */
  readonly cropFraction: number;
  readonly seed: number;
}

/** A photo is resized, and its centre is cropped. */
export interface EvaluationTransform {
  readonly kind: "evaluate";
  readonly size: number;
  readonly interpolation: Interpolation;
  readonly cropFraction: number;
}

export type PhotoTransform = TrainingTransform | EvaluationTransform;

/** Given to a worker when it starts. */
export interface PhotoWorkerSetup {
  readonly root: string;
  /** Relative to the root. */
  readonly files: readonly string[];
  /** (N) keys of the photos' random draws */
  readonly samples: Uint32Array;
  readonly transform: PhotoTransform;
  /** This worker reads the photos whose index modulo the number of workers is `worker`. */
  readonly worker: number;
  readonly workers: number;
  readonly batchSize: number;
  /** (slots, batchSize, size, size, 3) uint8: batch b of a pass is written to slot b % slots. */
  readonly ring: SharedArrayBuffer;
  readonly slots: number;
  /** Share of the photos that are cropped from a copy in memory instead of the file: those of `isKept`. */
  readonly keptShare: number;
  /** Bytes of such copies that this worker may keep. */
  readonly cacheBytes: number;
}

/** A pass over photos, sent to every worker. */
export interface PhotoPass {
  readonly epoch: number;
  /** Indices of the photos in order. `repeats` tells how often each was visited before in the epoch. */
  readonly indices: Uint32Array;
  readonly repeats: Uint32Array;
  /** int32 [1]: batches that the main thread has taken out of the ring; {@link CANCELLED} ends the pass. */
  readonly taken: SharedArrayBuffer;
}

export const CANCELLED = -1;

/** A photo of a batch that could not be read. */
export interface ReadFailure {
  /** Its position in the batch. */
  readonly position: number;
  /** Its index in the set. */
  readonly index: number;
  readonly reason: string;
}

/** From a worker: its photos of batch `batch` are in the ring, or the pass has ended. */
export type PhotoReport =
  | {
      readonly type: "batch";
      readonly batch: number;
      readonly bad: readonly ReadFailure[];
      readonly images: number;
      /** Time for these images, without waiting for free slots. */
      readonly seconds: number;
    }
  | { readonly type: "end" }
  /** The photos cannot be read at all, as where a server fails. */
  | { readonly type: "failure"; readonly code: string; readonly message: string };
