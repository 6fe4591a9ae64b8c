/** Runs a training, from a recipe to the weights, like `advprop train`. */
import { join } from "node:path";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import type { OpenedData } from "../../data/opened-data.js";
import { describeLeftOut, describeParts } from "../../data/photos/photo-text.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import { UsageError } from "../../errors.js";
import type { EvaluationView } from "../../evaluation/view.js";
import {
  buildLearner,
  buildTraining,
  deviceOf,
  disposeLearner,
  settleBatchSize,
  type Training,
} from "../../recipes/build/build.js";
import { openRecipeData } from "../../recipes/build/data.js";
import { describeUpdates, withEnoughUpdates } from "../../recipes/build/photos.js";
import { checkTwoViews } from "../../recipes/build/two-views.js";
import { resolveRecipe, stringifyRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { processorName } from "../../runs/environment.js";
import { defaultRunPath, RunDirectory, savedSplit } from "../../runs/run-directory.js";
import type { RunStatus } from "../../runs/schema.js";
import type { EventFile } from "../../runs/tensorboard/event-file.js";
import { engineInfo, memoryStats } from "../../tensor/index.js";
import type { Reproducibility, TrainingState } from "../../training/checkpoint.js";
import type { FitEvent, Listener } from "../../training/events.js";
import { fit, updatesPerEpoch } from "../../training/fit.js";
import { bytesFor, readableBytes } from "../../training/memory-estimate.js";
import { readNewestCheckpoint } from "../../training/newest-checkpoint.js";
import { type RecordedParts, runRecorder } from "../../training/run-recorder.js";
import type { OpenedWeights } from "../../weights/open.js";
import type { TrainEvent, TrainResult } from "../events.js";
import { checkRecordedData } from "../recorded-data.js";
import { writeRunReport } from "../report/run-report.js";
import { checkDuplicates, checkPhotos } from "./check-photos.js";
import { checkValidationFraction } from "./check-validation.js";
import {
  checkSynchronized,
  followTraining,
  imagesDigest,
  type RankPlan,
  readingShare,
  setMachine,
  shareState,
} from "./ranks.js";
import { changedRecipe, checkChanges, describeChanges, type ResumeChanges } from "./resume-changes.js";
import { openEvents, resumeState, writeNewRun } from "./run-folder.js";
import { describeView, viewBeforeRecording, viewOf } from "./run-view.js";
import { checkSameImages } from "./same-images.js";
import { openStartWeights } from "./start-weights.js";
import { describeAutomaticBatch, describeStrength, describeTransfer } from "./training-notes.js";

export interface TrainOptions {
  /** Folder of the run. For a new run it must be empty or not exist; by default runs/METHOD-MODEL-TIME. */
  readonly run?: string;
  /** Resumes the run in `run` with its saved recipe. The given recipe may change a few values of it. */
  readonly resume?: boolean;
  /** The split of a folder of photos without splits; by default drawn by the recipe's seed. */
  readonly split?: SavedSplit;
  /** Also writes TensorBoard event files into the run's folder. A resumed run that has some always continues them. */
  readonly tensorboard?: boolean;
  /**
   * If it is aborted, the run finishes its step and is saved, and the result has the status "stopped". If it is aborted already when
   * `train` is called, nothing is read or written, and `train` throws the signal's reason. Only a `group` begins all the same, because
   * its processes stop together.
   */
  readonly signal?: AbortSignal;
  /** Called with every event; training waits for its promise. */
  readonly onEvent?: Listener<TrainEvent>;
  /** The mini-batch size that the learning rate is for, if the recipe's batch size is "auto"; by default 128. */
  readonly referenceSize?: number;
  /** The command that is recorded in the run's folder; by default none. */
  readonly command?: readonly string[];
  /**
   * The processes that train together; each of them calls `train`. The recipe and all other options are those of rank 0, which writes
   * the run. A signal to any process stops all. By default this process trains alone.
   */
  readonly group?: ProcessGroup;
}

/** The recipe to train, and the folder of the run. */
interface Plan {
  readonly recipe: ResolvedRecipe;
  /** The run's folder. */
  readonly path: string;
  /** The run to resume. */
  readonly resumed: RunDirectory | undefined;
  readonly changes: ResumeChanges;
  /** The weights that a new run starts from. */
  readonly source?: OpenedWeights;
}

type Note = (message: string, warning?: boolean) => Promise<void>;

const noteTo =
  (tell: (event: TrainEvent) => Promise<void>): Note =>
  (message, warning = false) =>
    tell({ type: "note", message, warning });

/**
 * Trains a classifier, and records it in a run's folder: the resolved recipe, logs, checkpoints, pictures.
 *
 * The threads and the memory limit of the recipe are set for the whole process. With several ranks, each takes its part of every
 * mini-batch; the recipe gives the size over all ranks.
 *
 * @param recipe the values that differ from the defaults
 * @throws UsageError, before anything is written: ERR_RECIPE, ERR_DEVICE, ERR_RUN_EXISTS, ERR_RUN_MISSING, ERR_RESUME,
 *   ERR_DATA_CHECK, ERR_MEMORY and what opening the data throws
 * @throws RunError ERR_NON_FINITE a loss is not finite; ERR_WRITE the disk is full; ERR_RANK another rank has ended or failed. The last
 *   checkpoint is kept, and the run can be resumed
 * @throws the reason of `signal`, by default a DOMException named AbortError, where it is aborted already
 */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<TrainResult> {
  const { group } = options;
  if (group === undefined) {
    options.signal?.throwIfAborted();
    return trainAsRank0(recipe, options);
  }
  try {
    return group.rank === 0 ? await trainAsRank0(recipe, options) : await followTraining(group, options.signal);
  } catch (error) {
    group.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Trains and writes the run. The other ranks, if there are any, follow this one. */
async function trainAsRank0(recipe: Recipe, options: TrainOptions): Promise<TrainResult> {
  const { group } = options;
  const tell = async (event: TrainEvent) => options.onEvent?.(event);
  const note = noteTo(tell);
  const plan = options.resume ? resumePlan(recipe, options.run) : await newPlan(recipe, options.run, tell);
  const { resumed, source } = plan;
  for (const line of source?.notes ?? []) await note(line);
  for (const line of resumed?.checkParts() ?? []) await note(line, true);
  if (resumed === undefined) checkSynchronized(plan.recipe, group);
  deviceOf(plan.recipe, group); // fails before anything is read
  setMachine(plan.recipe, group);
  const photos = resumed === undefined ? await checkPhotos(plan.recipe.data.path) : undefined;
  for (const line of photos?.lines ?? []) await note(line, true);
  const recorded = resumed?.readInfo().view;
  const view =
    resumed !== undefined && recorded === undefined ? viewBeforeRecording(plan.recipe) : (recorded ?? viewOf(source));
  const data = await openRecipeData(readingShare(plan.recipe, group), {
    parts: ["train", "validation"],
    split: resumed ? savedSplit(plan.path) : options.split,
    view,
    onProgress: (done, total) => {
      if (done % 500 === 0) void note(`Reading the photos to split them: ${done} of ${total}`);
    },
  });
  try {
    if (resumed === undefined) {
      checkValidationFraction(plan.recipe, data);
      if (photos !== undefined) {
        for (const line of await checkDuplicates(photos, data.photos ?? [])) await note(line, true);
      }
    } else {
      const unknown = checkSameImages(resumed, data);
      if (unknown !== undefined) await note(unknown, true);
      if (recorded === undefined && data.validation?.fileOf !== undefined) {
        for (const line of describeView(view, data)) await note(line, true);
      }
    }
    const images = data.train?.length ?? 0;
    const enough = resumed === undefined ? withEnoughUpdates(plan.recipe, images) : plan.recipe;
    const changed = describeUpdates(plan.recipe, enough, images);
    if (changed !== undefined) await note(changed, true);
    // Whole images are not cropped, whatever the crop rule of the weights.
    const ownView = data.whole && resumed === undefined ? undefined : view;
    return await trainOn(data, { ...plan, recipe: enough }, ownView, options, tell);
  } finally {
    await data.close();
  }
}

async function newPlan(
  written: Recipe,
  run: string | undefined,
  tell: (event: TrainEvent) => Promise<void>,
): Promise<Plan> {
  checkTwoViews(resolveRecipe(written), "train"); // fails before weights are downloaded
  if (run !== undefined) RunDirectory.checkFree(run);
  const { recipe: complete, source } = await openStartWeights(written, (doneBytes, totalBytes) => {
    void tell({ type: "download", doneBytes, totalBytes });
  });
  const recipe = resolveRecipe(complete);
  const path = run ?? defaultRunPath(recipe.method, recipe.model, new Date());
  // Checked now; the folder is made only when the data and the model have been opened.
  RunDirectory.checkFree(path);
  return { recipe, path, resumed: undefined, changes: {}, source };
}

function resumePlan(changed: Recipe, path: string | undefined): Plan {
  if (path === undefined) throw new UsageError("ERR_RESUME", "train: `resume` needs `run`, the folder of the run");
  const resumed = RunDirectory.resume(path);
  resumed.checkParts(); // refused before the recipe is read, which names them
  const saved = parseSavedRecipe(resumed.recipeText(), resumed.recipe);
  const { recipe, changes } = changedRecipe(saved, changed);
  if (changes["data.path"] === undefined) checkRecordedData("train", path, recipe.data.path, "data.path");
  return { path: resumed.path, resumed, recipe, changes };
}

async function trainOn(
  data: OpenedData,
  plan: Plan,
  view: EvaluationView | undefined,
  options: TrainOptions,
  tell: (event: TrainEvent) => Promise<void>,
): Promise<TrainResult> {
  const { resumed, changes } = plan;
  const continued = resumed && readNewestCheckpoint(resumed.checkpoint("last"))?.file;
  checkChanges(plan.recipe, changes, continued?.state);
  const { group } = options;
  const learner = await buildLearner(plan.recipe, data, continued?.specification, view, plan.source, group);
  try {
    group?.share<RankPlan>({
      run: plan.path,
      recipe: plan.recipe,
      specification: learner.model.specification,
      view,
      split: data.split,
      images: imagesDigest(data),
    });
    const { recipe, estimate } = settleBatchSize(plan.recipe, learner, data, options.referenceSize);
    const training = buildTraining(recipe, learner, data);
    const run = resumed ?? RunDirectory.create(plan.path);
    const unlock = run.lock();
    try {
      const memory =
        estimate &&
        ` needs about ${readableBytes(bytesFor(estimate, recipe.training.batchSize))} of ${readableBytes(memoryStats().limitBytes)} memory`;
      const notes = [
        ...describeTransfer(plan.recipe, learner),
        ...(plan.recipe.training.batchSize === "auto" ? [describeAutomaticBatch(plan.recipe, recipe)] : []),
        ...describeStrength(recipe),
        `A batch of ${recipe.training.batchSize}${memory ?? ` runs on ${training.device}`}; a step costs ` +
          `${+training.unitsPerStep.toFixed(2)} times as much as one of vanilla training.`,
      ];
      return await record({ run, plan, recipe, training, data, notes, options, tell });
    } finally {
      unlock();
    }
  } finally {
    disposeLearner(learner);
  }
}

interface Recording {
  readonly run: RunDirectory;
  readonly plan: Plan;
  readonly recipe: ReturnType<typeof settleBatchSize>["recipe"];
  readonly training: Training;
  readonly data: OpenedData;
  /** Notes that are printed at its start. */
  readonly notes: readonly string[];
  readonly options: TrainOptions;
  readonly tell: (event: TrainEvent) => Promise<void>;
}

/** Trains, and writes the run's folder. */
async function record({ run, plan, recipe, training, data, notes, options, tell }: Recording): Promise<TrainResult> {
  const reproducibility = thisMachine(options.group);
  const note = noteTo(tell);
  let state: TrainingState | undefined;
  if (plan.resumed === undefined) {
    writeNewRun(run, recipe, data, reproducibility, options.command ?? []);
  } else {
    const resumed = resumeState(run, training, reproducibility);
    for (const line of resumed.warnings) await note(line, true);
    await note(resumed.note);
    state = resumed.state;
  }
  const setStatus = noteResume(run, plan, recipe, training, state);
  setStatus("running");
  try {
    const { name, classes, train: images } = data;
    const trainingImages = images?.length ?? 0;
    await tell({
      type: "started",
      run: run.path,
      step: state?.step ?? 0,
      recipe,
      data: { name, classes, trainingImages },
    });
    const leftOutBefore = data.leftOut().length;
    await note(describeParts(data));
    for (const line of [...data.notes, ...describeLeftOut(data.leftOut())]) await note(line, true);
    const stepsPerEpoch = updatesPerEpoch(training.loader, recipe.training.accumulationSteps);
    for (const line of [...describeChanges(recipe, plan.changes, stepsPerEpoch, state?.step ?? 0), ...notes]) {
      await note(line);
    }
    const { group } = options;
    if (group !== undefined) shareState(group, training, state);
    const { logEverySteps } = recipe.training;
    const events = await openEvents(run, options.tensorboard === true, state);
    const result = await fit({
      ...recipe.training,
      ...training,
      seed: recipe.seed,
      resume: state,
      signal: options.signal,
      onEvent: listener(run, training, { reproducibility, logEverySteps, events }, tell),
    });
    setStatus(result.status);
    const unwritten = await writeRunReport(run);
    if (unwritten !== undefined) await note(unwritten, true);
    for (const line of describeLeftOut(data.leftOut().slice(leftOutBefore))) await note(line, true);
    const ended = resultOf(run, result, data);
    await tell({ type: "finished", ...ended });
    return ended;
  } catch (error) {
    try {
      setStatus("failed");
    } catch {
      // The disk is full; the error that is thrown below says this.
    }
    throw error;
  }
}

/** Writes each event into the run's folder, and passes it on. Notes once if steps can no longer be captured as a CUDA graph. */
function listener(
  run: RunDirectory,
  training: Training,
  settings: Pick<RecordedParts, "reproducibility" | "logEverySteps"> & { readonly events: EventFile | undefined },
  tell: (event: TrainEvent) => Promise<void>,
): Listener<FitEvent> {
  const write = runRecorder(run, { ...training, ...settings });
  let refusal: string | undefined;
  return async (event) => {
    write(event);
    if (refusal === undefined && training.captured?.refusal !== undefined) {
      refusal = training.captured.refusal;
      await noteTo(tell)(`Note: training steps run without a CUDA graph, which is slower: ${refusal}`);
    }
    if (event.type === "checkpoint") {
      const { name, state } = event;
      await tell({ type: "checkpoint", name, step: state.step, weights: run.checkpoint(name).weights });
      return;
    }
    await tell(event);
    if (event.type !== "epoch" || training.snapshot === undefined) return;
    const file = join(run.images, await training.snapshot(run.images, event.epoch));
    await settings.events?.image("adversarial_examples", event.step, file);
    await tell({ type: "picture", epoch: event.epoch, file });
  };
}

/** Records in run.json when a run was resumed and what was changed. Returns a function that sets the status. */
function noteResume(
  run: RunDirectory,
  { resumed, changes }: Plan,
  recipe: ResolvedRecipe,
  { model }: Training,
  state: TrainingState | undefined,
): (status: RunStatus) => void {
  const before = run.readInfo();
  const at = new Date().toISOString();
  const resumedAt = resumed === undefined ? before.resumedAt : [...before.resumedAt, at];
  const changed = Object.keys(changes).length > 0;
  const info = {
    ...before,
    view: model.specification.view,
    resumedAt,
    ...(changed && { changes: [...(before.changes ?? []), { at, step: state?.step ?? 0, settings: changes }] }),
  };
  if (changed) writeFileAtomic(run.recipe, stringifyRecipe(recipe));
  return (status) => run.writeInfo({ ...info, status });
}

function resultOf(run: RunDirectory, result: Awaited<ReturnType<typeof fit>>, data: OpenedData): TrainResult {
  const { status, reason, state } = result;
  const { name, classes, sizes, available } = data;
  const reading = data.statistics();
  return {
    run: run.path,
    status,
    reason,
    step: state.step,
    weights: run.checkpoint(state.best === undefined ? "last" : "best").weights,
    ...(state.best && { best: state.best }),
    data: { name, classes, parts: available, images: sizes, leftOut: data.leftOut() },
    ...(reading && { reading }),
  };
}

const thisMachine = (group: ProcessGroup | undefined): Reproducibility => ({
  processor: processorName(),
  threads: engineInfo().threads,
  torch: engineInfo().torch,
  ...(group && { ranks: group.size }),
});
