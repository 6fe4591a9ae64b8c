/** One training run, from a resolved recipe to its last line. */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { checkStructure } from "../data/check-structure.js";
import { findingLines } from "../data/findings.js";
import type { OpenedData } from "../data/open-data.js";
import { photosIn, recogniseFolder } from "../data/recognise-folder.js";
import { formatUsedPhotos } from "../data/used-photos.js";
import { UsageError } from "../errors.js";
import { defaultView, type EvaluationView, unrecordedView } from "../evaluation/view.js";
import { buildLearner, buildTraining, type Learner, type SizedRecipe, settleBatchSize } from "../recipes/build.js";
import { openRecipeData, SHAPES } from "../recipes/data.js";
import { describeUpdates, withEnoughUpdates } from "../recipes/photos.js";
import { stringifyRecipe } from "../recipes/resolve.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { environment } from "../runs/environment.js";
import { RunDirectory, savedSplit, writeJson } from "../runs/run-directory.js";
import { RUN_SCHEMA, type RunInfo, type RunStatus } from "../runs/schema.js";
import { engineInfo, memoryStats, resolveDevice, setMemoryLimit, setThreads } from "../tensor/index.js";
import {
  type Reproducibility,
  readCheckpoint,
  restore,
  type TrainedParts,
  type TrainingState,
} from "../training/checkpoint.js";
import { type FitResult, fit, updatesPerEpoch } from "../training/fit.js";
import { bytesFor, readableBytes } from "../training/memory-estimate.js";
import { runRecorder } from "../training/run-recorder.js";
import type { OpenedWeights } from "../weights/open.js";
import { evaluateCommand } from "./chosen-by.js";
import { packageVersion } from "./package-version.js";
import { describeLeftOut, describeParts } from "./photo-text.js";
import { ProgressLine } from "./progress.js";
import { checkChanges, describeChanges, type ResumeChanges, withResumeAdvice } from "./resume-changes.js";
import { checkSameImages } from "./same-images.js";
import { describeStrength } from "./training-text.js";

export interface RunTrainingOptions {
  readonly recipe: ResolvedRecipe;
  /** Images of a mini-batch that its learning rate is for, where it says auto. */
  readonly referenceSize?: number;
  /** What of a resumed run's recipe is changed. */
  readonly changes?: ResumeChanges;
  /** The run's folder. */
  readonly runPath: string;
  /** Makes or opens it; called when everything else is known to be good. */
  readonly run: () => RunDirectory;
  /** The weights that a new run starts from, where they are open already. */
  readonly source?: OpenedWeights;
  readonly resume: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Trains, prints how it ended, and sets the exit code: 0 done or out of its time budget, 1 stopped by a signal. */
export async function runTraining(options: RunTrainingOptions): Promise<void> {
  const { resume, quiet } = options;
  const say = (line: string) => {
    if (!quiet) process.stderr.write(`${line}\n`);
  };
  resolveDevice(options.recipe.device); // refused before anything is read
  setThreads(options.recipe.threads);
  setMemoryLimit(options.recipe.memoryLimit ?? undefined);
  if (!resume) checkPhotos(options.recipe.data.path, say);
  const recorded = resume ? RunDirectory.open(options.runPath).readInfo().view : undefined;
  const view = resume && recorded === undefined ? viewBeforeRecording(options.recipe) : (recorded ?? viewOf(options));
  const data = await openRecipeData(options.recipe, {
    parts: ["train", "validation"],
    split: resume ? savedSplit(options.runPath) : undefined,
    view,
    onProgress: (done, total) => {
      if (done % 500 === 0) say(`Looking at the photos, to split them: ${done} of ${total}`);
    },
  });
  try {
    if (resume) {
      const note = checkSameImages(RunDirectory.open(options.runPath), data);
      if (note !== undefined) say(note);
      if (recorded === undefined && data.validation?.fileOf !== undefined) sayView(view, data, say);
    } else checkValidationFraction(options.recipe, data);
    const images = data.train?.length ?? 0;
    const recipe = resume ? options.recipe : withEnoughUpdates(options.recipe, images);
    const changed = describeUpdates(options.recipe, recipe, images);
    if (changed !== undefined) say(changed);
    // Whole images are not cut, whatever the weights say of photos.
    await trainOn(data, { ...options, recipe, view: data.whole && !resume ? undefined : view }, say);
  } finally {
    await data.close();
  }
}

/**
 * Looks over the names and counts in a folder of photos, as `advprop data check` does. The photos themselves are looked at
 * when they are opened.
 *
 * @throws ERR_DATA_CHECK training on it would be wrong
 */
function checkPhotos(path: string | null, say: (line: string) => void): void {
  if (path === null || path === SHAPES) return;
  const recognised = recogniseFolder(path, "train");
  if (recognised.kind === "memory") return;
  const findings = checkStructure(photosIn(path, recognised, "train"));
  const lines = findingLines(findings);
  if (findings.some(({ severity }) => severity === "error")) {
    const more = `All of it: advprop data check ${path}`;
    throw new UsageError("ERR_DATA_CHECK", `training on ${path} would be wrong:\n${lines.join("\n")}\n${more}`);
  }
  for (const line of lines) say(line);
}

/** @throws ERR_VALIDATION_FRACTION a share is asked for of a set that has validation images of its own */
function checkValidationFraction(
  { data: { path, shapes, validationFraction } }: ResolvedRecipe,
  data: OpenedData,
): void {
  if (validationFraction === null) return;
  const refused = (why: string, else_: string) =>
    new UsageError(
      "ERR_VALIDATION_FRACTION",
      `train: --validation-fraction (data.validationFraction) ${validationFraction} has no effect: ${why}. Leave it out, or ${else_}`,
    );
  if (path === SHAPES && shapes.validationImages > 0) {
    const why = `shapes draws ${shapes.validationImages} validation images of its own`;
    throw refused(why, "add --set data.shapes.validationImages=0");
  }
  if (data.validation?.fileOf !== undefined && data.split === undefined) {
    throw refused(
      `${path} has a folder of ${data.validation.length} validation images, which choose the best checkpoint`,
      "move them to its training images",
    );
  }
}

/** How a run that records no crop rule was validated so far; undefined where that is the rule of any run. */
const viewBeforeRecording = ({ data: { imageSize } }: ResolvedRecipe): EvaluationView | undefined =>
  imageSize === null ? undefined : unrecordedView(imageSize);

/** The rule that comes with the weights that a run starts from, where they say one. */
const viewOf = ({ source }: RunTrainingOptions): EvaluationView | undefined =>
  source?.viewRecorded ? source.specification.view : undefined;

/** Says where a resumed run keeps a rule that a new one would not have. */
function sayView(view: EvaluationView | undefined, { imageSize }: OpenedData, say: (line: string) => void): void {
  const now = defaultView(imageSize).cropFraction;
  if (view === undefined || view.cropFraction === now) return;
  say(
    `Note: the run records no crop rule; it keeps the one it began with, the middle ${view.cropFraction.toFixed(3)} of the short side ` +
      `for validation. A new run at ${imageSize} pixels takes ${now}.`,
  );
}

async function trainOn(
  data: OpenedData,
  options: RunTrainingOptions & { readonly view: EvaluationView | undefined },
  say: (line: string) => void,
): Promise<void> {
  const { run: open, resume, json, quiet, changes = {} } = options;
  const last = resume ? RunDirectory.open(options.runPath).checkpoint("last").weights : undefined;
  const continued = last !== undefined && existsSync(last) ? readCheckpoint(last) : undefined;
  checkChanges(options.recipe, changes, continued?.state);
  const learner = await buildLearner(options.recipe, data, continued?.specification, options.view, options.source);
  sayTransfer(options.recipe, learner, say);
  const { recipe, estimate } = settleBatchSize(options.recipe, learner, data, options.referenceSize);
  const training = buildTraining(recipe, learner, data);
  const reproducibility: Reproducibility = {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    threads: engineInfo().threads,
    torch: engineInfo().torch,
  };

  const run = open();
  const unlock = run.lock();
  try {
    let state: TrainingState | undefined;
    if (resume) state = resumeState(run, training, reproducibility, say);
    else writeNewRun(run, recipe, data, reproducibility);
    const before = run.readInfo();
    const { view } = training.model.specification;
    const resumedAt = resume ? [...before.resumedAt, new Date().toISOString()] : before.resumedAt;
    const step = state?.step ?? 0;
    const changed = Object.keys(changes).length > 0;
    const recorded = changed && {
      changes: [...(before.changes ?? []), { at: resumedAt.at(-1)!, step, settings: changes }],
    };
    const info = { ...before, view, resumedAt, ...recorded };
    if (changed) writeFileAtomic(run.recipe, stringifyRecipe(recipe));
    const setStatus = (status: RunStatus) => run.writeInfo({ ...info, status });
    setStatus("running");

    say(`${recipe.method} of ${recipe.model} on ${data.train?.length} images of ${data.name}; run: ${run.path}`);
    const leftOutBefore = data.leftOut().length;
    for (const line of [describeParts(data), ...data.notes, ...describeLeftOut(data.leftOut())]) say(line);
    const stepsPerEpoch = updatesPerEpoch(training.loader, recipe.training.accumulationSteps);
    for (const line of describeChanges(recipe, changes, stepsPerEpoch, step)) say(line);
    if (options.recipe.training.batchSize === "auto") say(describeAutomaticBatch(options.recipe, recipe));
    for (const line of describeStrength(recipe)) say(line);
    const { batchSize } = recipe.training;
    const memory =
      estimate &&
      ` takes about ${readableBytes(bytesFor(estimate, batchSize))} of ${readableBytes(memoryStats().limitBytes)}`;
    say(
      `A batch of ${batchSize}${memory ?? ` on ${training.device}`}; a step costs ${+training.unitsPerStep.toFixed(2)} times one of vanilla.`,
    );
    const stop = stopOnSignals(say);
    const progress = new ProgressLine();
    try {
      const record = runRecorder(run, { ...training, reproducibility, logEverySteps: recipe.training.logEverySteps });
      const result = await fit({
        ...recipe.training,
        ...training,
        seed: recipe.seed,
        resume: state,
        signal: stop.signal,
        onEvent: async (event) => {
          record(event);
          if (event.type === "epoch") await training.snapshot?.(run.images, event.epoch);
          if (!quiet) progress.show(event);
        },
      });
      if (!quiet) progress.end();
      setStatus(result.status);
      sayReading(data, leftOutBefore, say);
      finish(run, result, data, json === true, say);
    } catch (error) {
      if (!quiet) progress.end();
      try {
        setStatus("failed");
      } catch {
        // A full disk: the error that is thrown below says so.
      }
      throw withResumeAdvice(error, run.path, recipe);
    } finally {
      stop.dispose();
    }
  } finally {
    unlock();
  }
}

function finish(
  run: RunDirectory,
  result: FitResult,
  data: OpenedData,
  json: boolean,
  say: (line: string) => void,
): void {
  const { status, reason, state } = result;
  if (status === "stopped") {
    const why = reason === "time budget" ? "The time budget is spent: stopped" : "Stopped";
    say(`${why} after step ${state.step}; saved. Continue with: advprop train --run ${run.path} --resume`);
    if (reason === "signal") process.exitCode = 1;
  } else {
    const why = reason === "early stopping" ? "Validation got no better: finished" : "Finished";
    say(
      `${why} after step ${state.step}. Evaluate with: ${evaluateCommand(run.path, data.available, state.best !== undefined)}`,
    );
  }
  const { weights } = run.checkpoint(state.best === undefined ? "last" : "best");
  if (!json) return;
  const { name, classes, sizes } = data;
  const images = { name, classes, images: sizes, leftOut: data.leftOut() };
  const ended = { run: run.path, status, reason, step: state.step, weights, best: state.best };
  console.log(JSON.stringify({ ...ended, data: images }));
}

/** Says how fast photos came, and which were left out since the run began. */
function sayReading(data: OpenedData, leftOutBefore: number, say: (line: string) => void): void {
  const reading = data.statistics();
  if (reading === undefined) return;
  const { imagesPerSecond, waitingShare, keptShare } = reading;
  say(
    `Photos came at up to ${imagesPerSecond.toFixed(0)} images/s; training waited for them ${(100 * waitingShare).toFixed(1)} % of its time.`,
  );
  if (keptShare > 0) say(`The memory for decoded photos held ${(100 * keptShare).toFixed(0)} % of them.`);
  for (const line of describeLeftOut(data.leftOut().slice(leftOutBefore))) say(line);
}

/** What an automatic batch size is, and what it leaves of the learning rate. */
function describeAutomaticBatch(before: ResolvedRecipe, { training, optimizer }: SizedRecipe): string {
  const { batchSize, accumulationSteps } = training;
  const update =
    accumulationSteps === 1
      ? `an update is a mini-batch of ${batchSize} images`
      : `an update is ${accumulationSteps} mini-batches of ${batchSize} images, whose gradients are averaged`;
  const { lr } = before.optimizer;
  const share = optimizer.lr / lr;
  const rate =
    share === 1
      ? `the learning rate stays ${lr}, which is for so many images`
      : `the learning rate is ${+optimizer.lr.toPrecision(3)} instead of ${lr}, which is for ` +
        `${Math.round((batchSize * accumulationSteps) / share)} images an update`;
  return `Batch size auto: ${update}; ${rate}.`;
}

/** Says what became of the weights that fine-tuning starts from. */
function sayTransfer({ finetune }: ResolvedRecipe, { transfer }: Learner, say: (line: string) => void): void {
  if (transfer === undefined) return;
  const { headReplaced, routesFromMain } = transfer;
  say(`Starting from ${finetune.weights}.`);
  if (headReplaced) say("Its classes are others: the head is new and starts from random values.");
  if (routesFromMain.length > 0)
    say(`Auxiliary norms (${routesFromMain.join(", ")}) start as copies of the main ones.`);
}

/** Puts the last checkpoint into the run's parts, and takes back the log lines written after it. */
function resumeState(
  run: RunDirectory,
  training: TrainedParts,
  reproducibility: Reproducibility,
  say: (line: string) => void,
): TrainingState | undefined {
  const path = run.checkpoint("last").weights;
  const state = existsSync(path) ? restoreInto(path, reproducibility, training, say) : undefined;
  run.metrics.truncateAfter(state?.step ?? 0);
  run.batchNormDrift.truncateAfter(state?.step ?? 0);
  say(state === undefined ? "No checkpoint yet: starting from the beginning." : `Resuming after step ${state.step}.`);
  return state;
}

function restoreInto(
  path: string,
  now: Reproducibility,
  training: TrainedParts,
  say: (line: string) => void,
): TrainingState {
  const file = readCheckpoint(path);
  restore(file, path, training);
  for (const key of ["processor", "threads", "torch"] as const) {
    const before = file.reproducibility[key];
    if (before !== now[key]) {
      say(`Note: ${key} was ${before} and is ${now[key]}; the run goes on, but not bit for bit as it would have.`);
    }
  }
  return file.state;
}

function writeNewRun(
  run: RunDirectory,
  recipe: ResolvedRecipe,
  { name, classes, train, validation, sizes, split, photos, digest }: OpenedData,
  reproducibility: Reproducibility,
): void {
  writeFileAtomic(run.recipe, stringifyRecipe(recipe));
  writeJson(run.environment, environment(reproducibility));
  if (split !== undefined) writeJson(run.split, split);
  if (photos !== undefined) writeFileAtomic(run.photos, formatUsedPhotos(photos));
  const info: RunInfo = {
    schema: RUN_SCHEMA,
    version: packageVersion(),
    command: ["advprop", ...process.argv.slice(2)],
    createdAt: new Date().toISOString(),
    resumedAt: [],
    status: "running",
    data: {
      name,
      classes,
      trainingImages: train?.length ?? 0,
      validationImages: validation?.length ?? 0,
      ...(sizes.test !== undefined && { testImages: sizes.test }),
      ...(digest && { digest: digest() }),
    },
  };
  run.writeInfo(info);
}

/** Ctrl-C and SIGTERM ask the run to stop after its step; a second one ends the process at once. */
function stopOnSignals(say: (line: string) => void): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(1);
    say(`\n${name}: finishing this step and saving. Once more to stop at once, without saving.`);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
