/**
 * The training loop: everything around a method's step that is the same for all methods. Clipping, the finite check, the
 * update, logging, validation, checkpoints, stopping.
 */
import { setImmediate } from "node:timers/promises";
import type { Loader, PixelBatch } from "../data/loader.js";
import { RunError } from "../errors.js";
import type { Classifier } from "../models/classifier.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedule.js";
import type { RunDirectory } from "../runs/run-directory.js";
import type { Losses } from "../runs/schema.js";
import { type GradientStore, scope } from "../tensor/index.js";
import { batchNormDrift } from "./batch-norm-drift.js";
import { type Reproducibility, saveCheckpoint, type TrainingState } from "./checkpoint.js";
import { batchFromPixels, type StepMetrics, type TrainingStep } from "./step.js";
import { clipGradients, globalNorm } from "./update.js";

export interface FitOptions {
  readonly model: Classifier;
  readonly step: TrainingStep;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly loader: Loader;
  readonly epochs: number;
  readonly seed: number;
  readonly run: RunDirectory;
  readonly reproducibility: Reproducibility;
  /** Gradients whose L2 norm exceeds this are scaled to it. */
  readonly clipGradientNorm?: number | null;
  readonly logEverySteps: number;
  /** Steps between writes of the checkpoint `last`, which is also written after each epoch. */
  readonly checkpointEverySteps?: number | null;
  /** Steps between checkpoints that are kept, each under its own name. */
  readonly keepEverySteps?: number | null;
  /** Accuracy and loss on the validation images; where it is absent there is no `best`. */
  readonly validate?: () => { accuracy: number; loss: number; count: number };
  readonly evaluateEveryEpochs?: number;
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
  readonly status: "finished" | "stopped";
  readonly state: TrainingState;
}

const START: TrainingState = { step: 0, epoch: 0, stepInEpoch: 0, lossSums: {} };

/**
 * Trains until the last epoch or until it is stopped. The weights after it are a pure function of the options, however
 * often the run was stopped and resumed.
 *
 * @throws ERR_NON_FINITE a loss or the gradient is not finite: the weights are left as before that step
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { run, loader, epochs, signal } = options;
  const totalSteps = epochs * loader.stepsPerEpoch;
  const meter = new ThroughputMeter();
  let state = options.resume ?? START;
  let saved = state.step;

  const save = () => {
    saveCheckpoint(run, "last", { ...options, state });
    saved = state.step;
  };

  while (state.epoch < epochs) {
    const epochStarted = performance.now();
    const firstStep = state.step;
    for await (const pixels of loader.epoch(state.epoch, state.stepInEpoch)) {
      const { metrics, gradientNorm, rate } = trainOnBatch(options, state, pixels, saved);
      state = advance(state, metrics);
      meter.count(pixels.labels.length);
      if (state.step % options.logEverySteps === 0) {
        run.metrics.append({
          type: "step",
          step: state.step,
          epoch: state.epoch,
          learningRate: rate,
          ...(metrics as Losses),
          gradientNorm,
          imagesPerSecond: meter.rate,
        });
      }
      report(options, state, totalSteps, meter.rate);
      if (divides(options.keepEverySteps, state.step)) saveCheckpoint(run, state.step, { ...options, state });
      // An epoch's end is saved below, with its counters moved on.
      if (state.stepInEpoch < loader.stepsPerEpoch) {
        if (signal?.aborted) {
          save();
          return { status: "stopped", state };
        }
        if (divides(options.checkpointEverySteps, state.step)) save();
      }
      await setImmediate();
    }

    const seconds = (performance.now() - epochStarted) / 1000;
    const images = (state.step - firstStep) * options.loader.batchSize;
    run.metrics.append({
      type: "epoch",
      step: state.step,
      epoch: state.epoch,
      ...(means(state) as Losses),
      seconds,
      imagesPerSecond: images / seconds,
    });
    for (const record of batchNormDrift(options.model, state)) run.batchNormDrift.append(record);
    await options.afterEpoch?.(state.epoch);
    state = validateEpoch(options, state, totalSteps, meter.rate);
    state = { ...state, epoch: state.epoch + 1, stepInEpoch: 0, lossSums: {} };
    save();
    if (signal?.aborted && state.epoch < epochs) return { status: "stopped", state };
  }
  return { status: "finished", state };
}

/** One step: gradients, finite check, update. */
function trainOnBatch(
  options: FitOptions,
  state: TrainingState,
  pixels: PixelBatch,
  saved: number,
): { metrics: StepMetrics; gradientNorm: number; rate: number } {
  const { gradients, optimizer, schedule, seed, clipGradientNorm } = options;
  return scope(() => {
    try {
      const metrics = options.step(batchFromPixels(pixels, { seed, epoch: state.epoch }));
      const sums = gradients.read();
      const gradientNorm = globalNorm(sums);
      assertFinite({ ...metrics, "the gradient's norm": gradientNorm }, state.step, saved);
      if (clipGradientNorm) clipGradients(sums, gradientNorm, clipGradientNorm);
      const rate = schedule(state.step);
      optimizer.step(sums, rate);
      return { metrics, gradientNorm, rate };
    } finally {
      gradients.clear();
    }
  });
}

/** @throws ERR_NON_FINITE */
function assertFinite(values: Readonly<Record<string, number>>, step: number, saved: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isFinite(value)) continue;
    throw new RunError(
      "ERR_NON_FINITE",
      `fit: ${name} must be finite; got ${value} at step ${step}, which left the weights as they were. ` +
        (saved > 0 ? `The last good checkpoint is of step ${saved}. ` : "There is no checkpoint yet. ") +
        "Likely causes: a learning rate that is too high (try a third of it, or a longer warm-up), " +
        "a gradient that explodes (set training.clipGradientNorm, for example to 5), or damaged images.",
    );
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
function validateEpoch(options: FitOptions, state: TrainingState, totalSteps: number, rate: number): TrainingState {
  const { validate, run, epochs, evaluateEveryEpochs = 1 } = options;
  const due = (state.epoch + 1) % evaluateEveryEpochs === 0 || state.epoch + 1 === epochs;
  if (validate === undefined || !due) return state;
  const validation = validate();
  run.metrics.append({ type: "validation", step: state.step, epoch: state.epoch, ...validation });
  report(options, state, totalSteps, rate, validation.accuracy);
  if (state.best !== undefined && validation.accuracy <= state.best.accuracy) return state;
  const better = { ...state, best: { accuracy: validation.accuracy, step: state.step } };
  saveCheckpoint(run, "best", { ...options, state: better });
  return better;
}

function report(
  { progress, epochs, loader }: FitOptions,
  state: TrainingState,
  totalSteps: number,
  imagesPerSecond: number,
  validationAccuracy?: number,
): void {
  const { step, epoch } = state;
  const secondsLeft = ((totalSteps - step) * loader.batchSize) / imagesPerSecond;
  progress?.({
    step,
    totalSteps,
    epoch,
    epochs,
    losses: means(state),
    imagesPerSecond,
    secondsLeft,
    validationAccuracy,
  });
}

/** Images per second over the last steps: an exponential mean, so that it follows the machine. */
class ThroughputMeter {
  #last = performance.now();
  #secondsPerImage = 0;

  count(images: number): void {
    const now = performance.now();
    const latest = (now - this.#last) / 1000 / images;
    this.#secondsPerImage = this.#secondsPerImage === 0 ? latest : 0.9 * this.#secondsPerImage + 0.1 * latest;
    this.#last = now;
  }

  get rate(): number {
    return this.#secondsPerImage === 0 ? 0 : 1 / this.#secondsPerImage;
  }
}
