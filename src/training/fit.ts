/**
 * The training loop: everything around a method's step that is the same for all methods. Updates, logging, validation,
 * checkpoints, stopping.
 */
import { setImmediate } from "node:timers/promises";
import type { Loader } from "../data/loader.js";
import { UsageError } from "../errors.js";
import type { Classifier } from "../models/classifier.js";
import type { Schedule } from "../optim/schedule.js";
import type { RunDirectory } from "../runs/run-directory.js";
import type { Losses } from "../runs/schema.js";
import { batchNormDrift } from "./batch-norm-drift.js";
import { type Reproducibility, saveCheckpoint, type TrainingState } from "./checkpoint.js";
import { ThroughputMeter } from "./throughput.js";
import { type StepMetrics, type UpdateParts, update } from "./update.js";

export interface FitOptions extends UpdateParts {
  readonly model: Classifier;
  readonly schedule: Schedule;
  readonly loader: Loader;
  /** Mini-batches of the loader in an update; 1 unless given. An epoch's last ones that make no whole update are left. */
  readonly accumulationSteps?: number;
  readonly epochs: number;
  readonly seed: number;
  readonly run: RunDirectory;
  readonly reproducibility: Reproducibility;
  readonly logEverySteps: number;
  /** Steps between writes of the checkpoint `last`, which is also written after each epoch. */
  readonly checkpointEverySteps?: number | null;
  /** Steps between checkpoints that are kept, each under its own name. */
  readonly keepEverySteps?: number | null;
  /** Accuracy and loss on the validation images; where it is absent there is no `best`. */
  readonly validate?: () => Promise<{ accuracy: number; loss: number; count: number }>;
  readonly evaluateEveryEpochs?: number;
  /** Ends the run where so many epochs brought no better validation accuracy. */
  readonly earlyStoppingEpochs?: number | null;
  /** Stops the run, saved, at the first step that ends after so many hours from now. */
  readonly timeBudgetHours?: number | null;
  /** Called after each epoch, for pictures of the run. */
  readonly afterEpoch?: (epoch: number) => Promise<void>;
  /** Where to go on from; the model and the optimiser hold its tensors already. */
  readonly resume?: TrainingState;
  /** Aborted, the run finishes its step, saves and returns. */
  readonly signal?: AbortSignal;
  readonly progress?: (event: ProgressEvent) => void;
}

export interface ProgressEvent {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Means over the epoch so far. */
  readonly losses: Readonly<Record<string, number>>;
  /** Training images of the set per second, over the last steps. */
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
  /** Set when an epoch was validated. */
  readonly validationAccuracy?: number;
}

export interface FitResult {
  /** A stopped run is saved and can be resumed. */
  readonly status: "finished" | "stopped";
  readonly reason: "last epoch" | "early stopping" | "time budget" | "signal";
  readonly state: TrainingState;
}

const START: TrainingState = { step: 0, epoch: 0, stepInEpoch: 0, lossSums: {} };

/**
 * Updates in an epoch.
 *
 * @throws ERR_BATCH_SIZE an epoch has not enough mini-batches for one
 */
export function updatesPerEpoch({ stepsPerEpoch, batchSize }: Loader, accumulationSteps = 1): number {
  const updates = Math.floor(stepsPerEpoch / accumulationSteps);
  if (updates >= 1) return updates;
  throw new UsageError(
    "ERR_BATCH_SIZE",
    `fit: ${accumulationSteps} mini-batches of ${batchSize} images make an update, and an epoch has ${stepsPerEpoch}. ` +
      "Lower training.accumulationSteps or the batch size.",
  );
}

/**
 * Trains until the last epoch or until it is stopped. The weights after it are a pure function of the options, however
 * often the run was stopped and resumed.
 *
 * @throws ERR_NON_FINITE a loss or the gradient is not finite: the weights are left as before that step
 * @throws ERR_BATCH_SIZE as {@link updatesPerEpoch}
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { run, loader, epochs, schedule, seed, accumulationSteps = 1 } = options;
  const stepsPerEpoch = updatesPerEpoch(loader, accumulationSteps);
  const imagesPerStep = loader.batchSize * accumulationSteps;
  const totalSteps = epochs * stepsPerEpoch;
  const meter = new ThroughputMeter();
  const stopReason = stopConditions(options);
  let state = options.resume ?? START;
  let saved = state.step;

  const save = () => {
    saveCheckpoint(run, "last", { ...options, state });
    saved = state.step;
  };
  const progress = (validationAccuracy?: number) => {
    const { step, epoch } = state;
    const imagesPerSecond = meter.rate;
    const secondsLeft = ((totalSteps - step) * imagesPerStep) / imagesPerSecond;
    const losses = means(state);
    options.progress?.({ step, totalSteps, epoch, epochs, losses, imagesPerSecond, secondsLeft, validationAccuracy });
  };

  while (state.epoch < epochs && !stalled(options, state)) {
    const epochStarted = performance.now();
    const firstStep = state.step;
    const batches = loader.epoch(state.epoch, state.stepInEpoch * accumulationSteps);
    for await (const group of groupsOf(accumulationSteps, batches)) {
      const { step, epoch } = state;
      const learningRate = schedule(step);
      const { metrics, gradientNorm } = update(options, group, { seed, epoch, step, rate: learningRate, saved });
      state = advance(state, metrics);
      meter.count(group.reduce((total, { labels }) => total + labels.length, 0));
      if (state.step % options.logEverySteps === 0) {
        run.metrics.append({
          type: "step",
          step: state.step,
          epoch,
          learningRate,
          ...(metrics as Losses),
          gradientNorm,
          imagesPerSecond: meter.rate,
        });
      }
      progress();
      if (divides(options.keepEverySteps, state.step)) saveCheckpoint(run, state.step, { ...options, state });
      // An epoch's end is saved below, with its counters moved on.
      if (state.stepInEpoch < stepsPerEpoch) {
        const reason = stopReason();
        if (reason !== undefined) {
          save();
          return { status: "stopped", reason, state };
        }
        if (divides(options.checkpointEverySteps, state.step)) save();
      }
      await setImmediate();
    }

    const seconds = (performance.now() - epochStarted) / 1000;
    run.metrics.append({
      type: "epoch",
      step: state.step,
      epoch: state.epoch,
      ...(means(state) as Losses),
      seconds,
      imagesPerSecond: ((state.step - firstStep) * imagesPerStep) / seconds,
    });
    for (const record of batchNormDrift(options.model, state)) run.batchNormDrift.append(record);
    await options.afterEpoch?.(state.epoch);
    state = await validateEpoch(options, state, progress);
    state = { ...state, epoch: state.epoch + 1, stepInEpoch: 0, lossSums: {} };
    save();
    const reason = state.epoch < epochs && !stalled(options, state) ? stopReason() : undefined;
    if (reason !== undefined) return { status: "stopped", reason, state };
  }
  return { status: "finished", reason: state.epoch < epochs ? "early stopping" : "last epoch", state };
}

/** Why the run is to stop now, if at all. Its hours count from this call. */
function stopConditions({ signal, timeBudgetHours }: FitOptions): () => "signal" | "time budget" | undefined {
  const deadline = performance.now() + (timeBudgetHours ?? Number.POSITIVE_INFINITY) * 3_600_000;
  return () => {
    if (signal?.aborted) return "signal";
    return performance.now() >= deadline ? "time budget" : undefined;
  };
}

/** Whether so many epochs brought no better validation accuracy that the run is to end. */
function stalled({ earlyStoppingEpochs }: FitOptions, { best, epoch }: TrainingState): boolean {
  if (!earlyStoppingEpochs || best === undefined) return false;
  return epoch - 1 - best.epoch >= earlyStoppingEpochs;
}

/** Consecutive items in groups of `size`; a last group that is not full is left out. */
async function* groupsOf<T>(size: number, items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
}

function advance(state: TrainingState, metrics: StepMetrics): TrainingState {
  const lossSums = { ...state.lossSums };
  for (const [name, loss] of Object.entries(metrics)) lossSums[name] = (lossSums[name] ?? 0) + loss;
  return { ...state, step: state.step + 1, stepInEpoch: state.stepInEpoch + 1, lossSums };
}

function means({ lossSums, stepInEpoch }: TrainingState): Record<string, number> {
  return Object.fromEntries(Object.entries(lossSums).map(([name, sum]) => [name, sum / stepInEpoch]));
}

const divides = (every: number | null | undefined, step: number): boolean =>
  every !== null && every !== undefined && step % every === 0;

/** Validates where it is time to, and keeps the best. */
async function validateEpoch(
  options: FitOptions,
  state: TrainingState,
  progress: (validationAccuracy: number) => void,
): Promise<TrainingState> {
  const { validate, run, epochs, evaluateEveryEpochs = 1 } = options;
  const { step, epoch, best } = state;
  const due = (epoch + 1) % evaluateEveryEpochs === 0 || epoch + 1 === epochs;
  if (validate === undefined || !due) return state;
  const validation = await validate();
  run.metrics.append({ type: "validation", step, epoch, ...validation });
  progress(validation.accuracy);
  if (best !== undefined && validation.accuracy <= best.accuracy) return state;
  const better = { ...state, best: { accuracy: validation.accuracy, step, epoch } };
  saveCheckpoint(run, "best", { ...options, state: better });
  return better;
}
