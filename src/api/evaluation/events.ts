/** The events of {@link evaluate} and {@link evaluateSuite}. */
import type { AttackCost } from "../../evaluation/robustness.js";
import type { SuiteProgress } from "../../evaluation/suite/run.js";
import type { EvaluationFile } from "../../runs/schema.js";
import type { DownloadEvent, NoteEvent } from "../events.js";

/** Progress of a pass over the images. */
export interface PassEvent {
  readonly type: "pass";
  /** "clean", or the attack's name. */
  readonly name: string;
  readonly done: number;
  readonly total: number;
  /** Number of images that are still classified correctly under the attack. */
  readonly standing?: number;
  /** Whether the attack may take hours. */
  readonly costly: boolean;
}

/** The largest possible cost of an attack, before it begins. */
export interface AttackCostEvent extends AttackCost {
  readonly type: "cost";
  readonly attack: string;
  readonly images: number;
  /** Whether the number of images is the default of a costly attack. */
  readonly limited: boolean;
}

/** Progress of a condition of a suite. */
export interface SuiteProgressEvent extends SuiteProgress {
  readonly type: "subset";
}

/** Files were written. */
export interface WrittenEvent {
  readonly type: "written";
  readonly files: readonly string[];
}

/** The result of a run could not be saved in its folder. The call throws the reason after this event. */
export interface UnsavedEvent {
  readonly type: "unsaved";
  readonly result: EvaluationFile;
}

export type EvaluationEvent =
  | NoteEvent
  | DownloadEvent
  | PassEvent
  | AttackCostEvent
  | SuiteProgressEvent
  | WrittenEvent
  | UnsavedEvent;

/** Reports the bytes of a download to a listener. */
export const downloads =
  (onEvent: ((event: DownloadEvent) => void) | undefined) =>
  (doneBytes: number, totalBytes: number | undefined): void =>
    onEvent?.({ type: "download", doneBytes, totalBytes });
