/** What happens while {@link fit} trains, in the order in which it happens. */
import type { RouteAccuracies } from "../runs/schema.js";
import type { TrainingState } from "./checkpoint.js";
import type { StepMetrics } from "./update.js";

/** One update of the weights was made. */
export interface StepEvent {
  readonly type: "step";
  /** Updates done, this one included. */
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
  /** Training images of the set that it took. */
  readonly images: number;
  /** Since the step before, or since the epoch began. */
  readonly seconds: number;
  /** Of these, how long the step waited for its images. */
  readonly waitingSeconds: number;
  /** Training images of the set per second, over the last steps. */
  readonly imagesPerSecond: number;
  /** Until the last epoch or the end of the time budget, with validations and checkpoints; too short before the first of them. */
  readonly secondsLeft: number;
}

/** A pass over the training images is done. */
export interface EpochEvent {
  readonly type: "epoch";
  /** Updates done at its end. */
  readonly step: number;
  readonly epoch: number;
  /** Over its steps, in nats. */
  readonly meanLosses: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Share of its time in which it waited for images, in [0, 1]. */
  readonly waitingShare: number;
}

/** The validation images were classified. */
export interface ValidationEvent {
  readonly type: "validation";
  readonly step: number;
  readonly epoch: number;
  /** A fraction. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly count: number;
  /** The same images through each batch norm route, `main` among them; absent for a network of one route. */
  readonly routes?: RouteAccuracies;
  /** Whether it is the best so far. */
  readonly best: boolean;
}

/** The network is as a checkpoint of this name is to have it: the newest, the best, or that of a step. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly name: "last" | "best" | number;
  readonly state: TrainingState;
}

export type FitEvent = StepEvent | EpochEvent | ValidationEvent | CheckpointEvent;

/** Is told of each event before training goes on; training waits for the promise, and fails where it fails. */
export type Listener<Event> = (event: Event) => void | Promise<void>;
