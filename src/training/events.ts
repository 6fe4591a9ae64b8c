/** The events of {@link fit}. */
import type { RouteAccuracies } from "../runs/schema.js";
import type { TrainingState } from "./checkpoint.js";
import type { StepMetrics } from "./update.js";

/** One update of the weights is done. */
export interface StepEvent {
  readonly type: "step";
  /** Number of updates done, including this one. */
  readonly step: number;
  readonly totalSteps: number;
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** Of this step, in nats. */
  readonly losses: StepMetrics;
  /** Means over the epoch so far. */
  readonly meanLosses: Readonly<Record<string, number>>;
  /** L2 norm over all gradients before clipping. */
  readonly gradientNorm: number;
  /** Number of training images in this update. */
  readonly images: number;
  /** Since the previous step, or since the epoch began. */
  readonly seconds: number;
  /** The part of `seconds` in which the step waited for its images. */
  readonly waitingSeconds: number;
  /** Training images per second over the last steps. */
  readonly imagesPerSecond: number;
  /**
   * Remaining time until the end of the last epoch or of the time budget. It includes validations and checkpoints once the first of them was
   * measured.
   */
  readonly secondsLeft: number;
}

/** An epoch is done. */
export interface EpochEvent {
  readonly type: "epoch";
  /** Number of updates done at its end. */
  readonly step: number;
  readonly epoch: number;
  /** Over its steps, in nats. */
  readonly meanLosses: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Share of its time in which it waited for images, in [0, 1]. */
  readonly waitingShare: number;
}

/** A validation is done. */
export interface ValidationEvent {
  readonly type: "validation";
  readonly step: number;
  readonly epoch: number;
  /** In [0, 1]. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly count: number;
  /** The results through each batch norm route, including `main`; absent for a network with one route. */
  readonly routes?: RouteAccuracies;
  /** Whether this accuracy is the best so far. */
  readonly best: boolean;
}

/** A checkpoint of this name must be saved now: the newest, the best, or that of a step. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly name: "last" | "best" | number;
  readonly state: TrainingState;
}

export type FitEvent = StepEvent | EpochEvent | ValidationEvent | CheckpointEvent;

/** A listener for events. Training waits for the returned promise, and fails if the promise fails. */
export type Listener<Event> = (event: Event) => void | Promise<void>;
