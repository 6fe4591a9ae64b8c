/** What happens during {@link train}, in the order in which it happens. */
import type { ResolvedRecipe } from "../recipes/schema.js";
import type { EpochEvent, StepEvent, ValidationEvent } from "../training/events.js";
import type { FitResult } from "../training/fit.js";

/** Something that the user should know. */
export interface NoteEvent {
  readonly type: "note";
  readonly message: string;
  /** Whether it changes what the run or its numbers mean: images that were left out, a value that is another than was asked for. */
  readonly warning: boolean;
}

/** Weights to start from are downloaded. */
export interface DownloadEvent {
  readonly type: "download";
  readonly doneBytes: number;
  /** Absent where the server does not say. */
  readonly totalBytes: number | undefined;
}

/** Everything is ready, and the run's folder holds the run. */
export interface StartedEvent {
  readonly type: "started";
  /** The run's folder. */
  readonly run: string;
  /** Updates done before: 0 but where a run is resumed. */
  readonly step: number;
  readonly recipe: ResolvedRecipe;
  readonly data: { readonly name: string; readonly classes: readonly string[]; readonly trainingImages: number };
}

/** A checkpoint was written. */
export interface SavedEvent {
  readonly type: "checkpoint";
  /** The newest, the best on the validation images, or that of a step. */
  readonly name: "last" | "best" | number;
  readonly step: number;
  /** The file of its weights. */
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
  /** Updates done. */
  readonly step: number;
  /** The weights file to use: the best on the validation images where there are such, else the last. */
  readonly weights: string;
  /** The best validation; absent where nothing was validated. */
  readonly best?: { readonly accuracy: number; readonly step: number; readonly epoch: number };
  readonly data: {
    readonly name: string;
    readonly classes: readonly string[];
    /** The parts that there are, whether they were read or not. */
    readonly parts: readonly ("train" | "validation" | "test")[];
    /** Images in each part whose number is known. */
    readonly images: Readonly<Partial<Record<"train" | "validation" | "test", number>>>;
    /** Photos that could not be read. */
    readonly leftOut: readonly { readonly file: string; readonly reason: string }[];
  };
  /** How photos came; absent where the images lie in memory. */
  readonly reading?: {
    readonly imagesPerSecond: number;
    /** Share of the time in which training waited for photos. */
    readonly waitingShare: number;
    /** Share of the photos that the memory for decoded ones held. */
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
