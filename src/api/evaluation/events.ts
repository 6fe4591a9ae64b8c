/** What happens during {@link evaluate} and {@link evaluateSuite}, in the order in which it happens. */
import type { AttackCost } from "../../evaluation/robustness.js";
import type { SuiteProgress } from "../../evaluation/suite/run.js";
import type { DownloadEvent, NoteEvent } from "../events.js";

/** Images of one pass over them that are done. */
export interface PassEvent {
  readonly type: "pass";
  /** "clean", or the attack's name. */
  readonly name: string;
  readonly done: number;
  readonly total: number;
  /** Images that are still right after an attack. */
  readonly standing?: number;
  /** Whether the attack may take hours. */
  readonly costly: boolean;
}

/** What the attack can cost at most, before it begins. */
export interface AttackCostEvent extends AttackCost {
  readonly type: "cost";
  readonly attack: string;
  readonly images: number;
  /** Whether the number of images is the default of a costly attack. */
  readonly limited: boolean;
}

/** A subset of a suite that is being measured. */
export interface SuiteProgressEvent extends SuiteProgress {
  readonly type: "subset";
}

/** Files were written. */
export interface WrittenEvent {
  readonly type: "written";
  readonly files: readonly string[];
}

export type EvaluationEvent =
  | NoteEvent
  | DownloadEvent
  | PassEvent
  | AttackCostEvent
  | SuiteProgressEvent
  | WrittenEvent;

/** Tells a listener of a download's bytes. */
export const downloads =
  (onEvent: ((event: DownloadEvent) => void) | undefined) =>
  (doneBytes: number, totalBytes: number | undefined): void =>
    onEvent?.({ type: "download", doneBytes, totalBytes });
