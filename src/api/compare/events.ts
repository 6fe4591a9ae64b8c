/** What happens during {@link compare}, in the order in which it happens. */
import type { EvaluationEvent } from "../evaluation/events.js";
import type { NoteEvent, TrainEvent } from "../events.js";

/** A run begins, goes on, or is found finished. */
export interface ArmStartedEvent {
  readonly type: "run";
  readonly arm: string;
  /** "seed 0", "fold 3". */
  readonly repetition: string;
  /** The run's folder. */
  readonly run: string;
  /** Place among all runs, from 1, and their number. */
  readonly place: number;
  readonly runs: number;
  readonly state: "new" | "resumed" | "finished before";
}

/** A run failed; the others go on. */
export interface ArmFailedEvent {
  readonly type: "failed";
  readonly arm: string;
  readonly run: string;
  readonly message: string;
}

/** Something that happens in a run. */
export interface ArmTrainEvent {
  readonly type: "training";
  readonly run: string;
  readonly event: TrainEvent;
}

/** Something that happens while the runs are measured. */
export interface ArmEvaluationEvent {
  readonly type: "evaluation";
  readonly event: EvaluationEvent;
}

export type CompareEvent = NoteEvent | ArmStartedEvent | ArmFailedEvent | ArmTrainEvent | ArmEvaluationEvent;
