/** The events of {@link compare}. */
import type { EvaluationEvent } from "../evaluation/events.js";
import type { NoteEvent, TrainEvent } from "../events.js";

/** A run begins, is resumed, or was finished before. */
export interface ArmStartedEvent {
  readonly type: "run";
  readonly arm: string;
  /** "seed 0", "fold 3". */
  readonly repetition: string;
  /** The run's folder. */
  readonly run: string;
  /** The number of this run, from 1, and the number of all runs. */
  readonly number: number;
  readonly runs: number;
  readonly state: "new" | "resumed" | "finished before";
}

/** A run failed; the others continue. */
export interface ArmFailedEvent {
  readonly type: "failed";
  readonly arm: string;
  readonly run: string;
  readonly message: string;
}

/** A time budget ended a run before its last epoch, so it is not measured; the others continue. */
export interface ArmUnfinishedEvent {
  readonly type: "unfinished";
  readonly arm: string;
  readonly run: string;
  readonly message: string;
}

/** An event of the training of a run. */
export interface ArmTrainEvent {
  readonly type: "training";
  readonly run: string;
  readonly event: TrainEvent;
}

/** An event of the evaluation of the runs. */
export interface ArmEvaluationEvent {
  readonly type: "evaluation";
  readonly event: EvaluationEvent;
}

export type CompareEvent =
  | NoteEvent
  | ArmStartedEvent
  | ArmFailedEvent
  | ArmUnfinishedEvent
  | ArmTrainEvent
  | ArmEvaluationEvent;
