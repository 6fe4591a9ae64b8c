/**
 * The training loop: updates, validation and stopping, which are the same for all methods. It reports events to a listener and writes
 * no files.
 */
import { setImmediate } from "node:timers/promises";
import type { Loader } from "../data/loading/batch.js";
import type { StopReason } from "../distributed/ranked-update.js";
import { UsageError } from "../errors.js";
import type { Schedule } from "../optim/schedule.js";
import type { TrainingState } from "./checkpoint.js";
import type { CheckpointEvent, FitEvent, Listener, ValidationEvent } from "./events.js";
import { Pace, type Remaining, share } from "./pace.js";
import { type StepMetrics, type UpdateParts, update } from "./update.js";

export interface FitOptions extends UpdateParts {
  readonly schedule: Schedule;
  readonly loader: Loader;
  /** Mini-batches per update; by default 1. The last mini-batches of an epoch are skipped if they are too few for an update. */
  readonly accumulationSteps?: number;
  readonly epochs: number;
  readonly seed: number;
  /** Called before each update and each validation. */
  readonly prepare?: () => void;
  /** Called with each step, epoch, validation and checkpoint. */
  readonly onEvent?: Listener<FitEvent>;
  /** Steps between saves of the checkpoint `last`, which is also saved after each epoch. */
  readonly checkpointEverySteps?: number | null;
  /** Steps between checkpoints that are kept under their own names. */
  readonly keepEverySteps?: number | null;
  /** Measures accuracy and loss on the validation images. Without it there is no checkpoint `best`. */
  readonly validate?: () => Promise<Pick<ValidationEvent, "accuracy" | "loss" | "count" | "routes">>;
  readonly evaluateEveryEpochs?: number;
  /** Ends the run after this many epochs without a better validation accuracy. */
  readonly earlyStoppingEpochs?: number | null;
  /** Saves and stops the run after the first step that ends this many hours from now. */
  readonly timeBudgetHours?: number | null;
  /** The state to resume from. The model and the optimiser must already hold its tensors. */
  readonly resume?: TrainingState;
  /** If it is aborted, the run finishes the current step, saves and returns. */
  readonly signal?: AbortSignal;
}

export interface FitResult {
  /** A stopped run was saved and can be resumed. */
  readonly status: "finished" | "stopped";
  readonly reason: "last epoch" | "early stopping" | StopReason;
  readonly state: TrainingState;
}

const START: TrainingState = { step: 0, epoch: 0, stepInEpoch: 0, lossSums: {} };

/**
 * Number of updates in an epoch.
 *
 * @throws ERR_BATCH_SIZE an epoch has too few mini-batches for one update
 */
export function updatesPerEpoch({ stepsPerEpoch, batchSize }: Loader, accumulationSteps = 1): number {
  const updates = Math.floor(stepsPerEpoch / accumulationSteps);
  if (updates >= 1) return updates;
  throw new UsageError(
    "ERR_BATCH_SIZE",
    `fit: ${accumulationSteps} mini-batches of ${batchSize} images make an update, but an epoch has only ${stepsPerEpoch}. ` +
      "Lower training.accumulationSteps or the batch size.",
  );
}

/**
 * Trains until the last epoch is done or the run is stopped. The final weights depend only on the options, and not on how often the run
 * was stopped and resumed.
 *
 * @throws ERR_NON_FINITE a loss or the gradient is not finite; the weights are those before that step
 * @throws ERR_BATCH_SIZE as {@link updatesPerEpoch}
 * @throws RunError ERR_RANK another rank has ended
 */
export async function fit(options: FitOptions): Promise<FitResult> {
  const { loader, epochs, schedule, seed, accumulationSteps = 1, ranks } = options;
  const stepsPerEpoch = updatesPerEpoch(loader, accumulationSteps);
  const imagesPerStep = loader.batchSize * accumulationSteps;
  const totalSteps = epochs * stepsPerEpoch;
  const pace = new Pace(stepsPerEpoch);
  const { stopReason: ownReason, budgetSeconds } = stopConditions(options);
  // All ranks stop after the same step, the first after which any of them has a reason.
  let agreed: StopReason | undefined;
  const stopReason = () => (ranks === undefined ? ownReason() : agreed);
  let state = options.resume ?? START;
  let saved = state.step;

  const tell = async (event: FitEvent) => options.onEvent?.(event);
  const checkpoint = async (name: CheckpointEvent["name"]) => {
    await tell({ type: "checkpoint", name, state });
    if (name === "last") saved = state.step;
  };

  while (state.epoch < epochs && !stalled(options, state)) {
    const epochStarted = performance.now();
    const firstStep = state.step;
    let waitedSeconds = 0;
    /** The time when the last step ended, and when the images of this step were requested. */
    let [stepped, requested] = [epochStarted, epochStarted];
    const batches = loader.epoch(state.epoch, state.stepInEpoch * accumulationSteps);
    for await (const group of groupsOf(accumulationSteps, batches)) {
      const waitingSeconds = secondsSince(requested);
      const { step, epoch } = state;
      const learningRate = schedule(step);
      const context = { seed, epoch, step, rate: learningRate, saved, stop: ranks && ownReason() };
      options.prepare?.();
      const { metrics, gradientNorm, stop } = update(options, group, context);
      agreed = stop;
      state = advance(state, metrics);
      const images = group.reduce((total, { labels }) => total + labels.length, 0) * (ranks?.size ?? 1);
      const seconds = secondsSince(stepped);
      stepped = performance.now();
      waitedSeconds += waitingSeconds;
      pace.step(seconds, images);
      await tell({
        type: "step",
        step: state.step,
        totalSteps,
        epoch,
        epochs,
        learningRate,
        losses: metrics,
        meanLosses: means(state),
        gradientNorm,
        images,
        seconds,
        waitingSeconds,
        imagesPerSecond: pace.imagesPerSecond,
        secondsLeft: Math.min(budgetSeconds(), pace.secondsLeft(remaining(options, totalSteps, state))),
      });
      if (divides(options.keepEverySteps, state.step)) await checkpoint(state.step);
      // After the last step of an epoch the checkpoint is saved below, with the counters of the next epoch.
      if (state.stepInEpoch < stepsPerEpoch) {
        const reason = stopReason();
        if (reason !== undefined) {
          await checkpoint("last");
          return { status: "stopped", reason, state };
        }
        if (divides(options.checkpointEverySteps, state.step)) await checkpoint("last");
      }
      await setImmediate();
      requested = performance.now();
    }

    const epochEnded = performance.now();
    const seconds = secondsSince(epochStarted);
    const imagesPerSecond = ((state.step - firstStep) * imagesPerStep) / seconds;
    const waitingShare = share(waitedSeconds, seconds);
    const { step, epoch } = state;
    await tell({ type: "epoch", step, epoch, meanLosses: means(state), seconds, imagesPerSecond, waitingShare });
    let validationSeconds = 0;
    if (validationIsDue(options, epoch)) {
      const validationStarted = performance.now();
      options.prepare?.();
      const validation = await options.validate();
      const best = state.best === undefined || validation.accuracy > state.best.accuracy;
      await tell({ type: "validation", step, epoch, ...validation, best });
      if (best) {
        state = { ...state, best: { accuracy: validation.accuracy, step, epoch } };
        await checkpoint("best");
      }
      validationSeconds = secondsSince(validationStarted);
      pace.validation(validationSeconds);
    }
    state = { ...state, epoch: epoch + 1, stepInEpoch: 0, lossSums: {} };
    await checkpoint("last");
    pace.epochEnd(secondsSince(epochEnded) - validationSeconds);
    const reason = state.epoch < epochs && !stalled(options, state) ? stopReason() : undefined;
    if (reason !== undefined) return { status: "stopped", reason, state };
  }
  return { status: "finished", reason: state.epoch < epochs ? "early stopping" : "last epoch", state };
}

function validationIsDue(
  options: FitOptions,
  epoch: number,
): options is FitOptions & Required<Pick<FitOptions, "validate">> {
  const { validate, epochs, evaluateEveryEpochs = 1 } = options;
  return validate !== undefined && ((epoch + 1) % evaluateEveryEpochs === 0 || epoch + 1 === epochs);
}

/** The remaining work after the finished steps, including the end of this epoch. */
function remaining(options: FitOptions, totalSteps: number, { step, epoch }: TrainingState): Remaining {
  const epochs = Array.from({ length: options.epochs - epoch }, (_, i) => epoch + i);
  return {
    steps: totalSteps - step,
    epochEnds: epochs.length,
    validations: epochs.filter((one) => validationIsDue(options, one)).length,
  };
}

/** Whether and why the run must stop now, and the rest of its time budget. The budget counts from this call. */
function stopConditions({ signal, timeBudgetHours }: FitOptions) {
  const deadline = performance.now() + (timeBudgetHours ?? Number.POSITIVE_INFINITY) * 3_600_000;
  return {
    stopReason(): StopReason | undefined {
      if (signal?.aborted) return "signal";
      return performance.now() >= deadline ? "time budget" : undefined;
    },
    budgetSeconds: () => Math.max(0, -secondsSince(deadline)),
  };
}

/** Whether early stopping must end the run. */
export function stalled(
  { earlyStoppingEpochs }: Pick<FitOptions, "earlyStoppingEpochs">,
  { best, epoch }: Pick<TrainingState, "best" | "epoch">,
): boolean {
  if (!earlyStoppingEpochs || best === undefined) return false;
  return epoch - 1 - best.epoch >= earlyStoppingEpochs;
}

/** Groups of `size` consecutive items; a last group that is not full is skipped. */
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

const secondsSince = (instant: number): number => (performance.now() - instant) / 1000;

const divides = (every: number | null | undefined, step: number): boolean =>
  every !== null && every !== undefined && step % every === 0;
