/** The events of {@link train}. */
import type { ResolvedRecipe } from "../recipes/schema.js";
import type { EpochEvent, StepEvent, ValidationEvent } from "../training/events.js";
import type { FitResult } from "../training/fit.js";

/** A message for the user. */
export interface NoteEvent {
  readonly type: "note";
  readonly message: string;
  /** Whether the message affects the meaning of the run or its numbers, for example skipped images or a changed setting. */
  readonly warning: boolean;
}

/** Progress of a download of weights. */
export interface DownloadEvent {
  readonly type: "download";
  readonly doneBytes: number;
  /** Undefined if the server does not give it. */
  readonly totalBytes: number | undefined;
}

/** The training begins, and the run's folder exists. */
export interface StartedEvent {
  readonly type: "started";
  /** The run's folder. */
  readonly run: string;
  /** Number of updates done before; 0 for a new run. */
  readonly step: number;
  readonly recipe: ResolvedRecipe;
  readonly data: { readonly name: string; readonly classes: readonly string[]; readonly trainingImages: number };
}

/** A checkpoint was written. */
export interface SavedEvent {
  readonly type: "checkpoint";
  /** The newest, the best on the validation images, or the one kept at a step. */
  readonly name: "last" | "best" | number;
  readonly step: number;
  /** The weights file. */
  readonly weights: string;
}

/** A picture of the epoch's adversarial examples was written. */
export interface PictureEvent {
  readonly type: "picture";
  readonly epoch: number;
  readonly file: string;
}

/** How a training ended. */
export interface TrainResult extends Pick<FitResult, "status" | "reason"> {
  /** The run's folder: `openClassifier`, `evaluate` and a later `train` with `resume` take it. */
  readonly run: string;
  /** Number of updates done. */
  readonly step: number;
  /** The weights file to use: the best on the validation images if there are any, else the last. */
  readonly weights: string;
  /** The best validation; absent if there was none. */
  readonly best?: { readonly accuracy: number; readonly step: number; readonly epoch: number };
  readonly data: {
    readonly name: string;
    readonly classes: readonly string[];
    /** The splits that exist, whether they were read or not. */
    readonly parts: readonly ("train" | "validation" | "test")[];
    /** Number of images in each split, if known. */
    readonly images: Readonly<Partial<Record<"train" | "validation" | "test", number>>>;
    /** Photos that were skipped because they could not be read. */
    readonly leftOut: readonly { readonly file: string; readonly reason: string }[];
  };
  /** Speed of reading photos; absent for images in memory. */
  readonly reading?: {
    readonly imagesPerSecond: number;
    /** Share of the time in which training waited for photos. */
    readonly waitingShare: number;
    /** Share of the photos that were kept decoded in memory. */
    readonly keptShare: number;
  };
}

export interface FinishedEvent extends TrainResult {
  readonly type: "finished";
}

export type TrainEvent =
  | NoteEvent
  | DownloadEvent
  | StartedEvent
  | StepEvent
  | EpochEvent
  | ValidationEvent
  | SavedEvent
  | PictureEvent
  | FinishedEvent;
