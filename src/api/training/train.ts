/** Runs a training, from a recipe to the weights, like `advprop train`. */
import type { OpenedData } from "../../data/opened-data.js";
import { UsageError } from "../../errors.js";
import type { EvaluationView } from "../../evaluation/view.js";
import { buildLearner, buildTraining, deviceOf, disposeLearner, settleBatchSize } from "../../recipes/build/build.js";
import { openRecipeData } from "../../recipes/build/data.js";
import { describeUpdates, withEnoughUpdates } from "../../recipes/build/photos.js";
import type { Recipe } from "../../recipes/schema.js";
import { RunDirectory, savedSplit } from "../../runs/run-directory.js";
import { memoryStats } from "../../tensor/index.js";
import { bytesFor, readableBytes } from "../../training/memory-estimate.js";
import { readNewestCheckpoint } from "../../training/newest-checkpoint.js";
import type { TrainEvent, TrainResult } from "../events.js";
import { checkDuplicates, checkPhotos } from "./check-photos.js";
import { checkValidationFraction } from "./check-validation.js";
import type { TrainOptions } from "./options.js";
import { newPlan, type PreparedPlan, resumePlan } from "./plan.js";
import { checkSynchronized, followTraining, imagesDigest, type RankPlan, readingShare, setMachine } from "./ranks.js";
import { noteTo, record } from "./record.js";
import { checkChanges } from "./resume-changes.js";
import { describeView, viewBeforeRecording, viewOf } from "./run-view.js";
import { checkSameImages } from "./same-images.js";
import { describeAutomaticBatch, describeStrength, describeTransfer } from "./training-notes.js";

/**
 * Trains a classifier, and records it in a run's folder: the resolved recipe, logs, checkpoints, pictures.
 *
 * The threads and the memory limit of the recipe are set for the whole process, and set again before each step, because `evaluate` and
 * `openClassifier` set them too. With several ranks, each takes its part of every mini-batch; the recipe gives the size over all ranks.
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
  const plan = options.resume ? resumePlan(recipe, options) : await newPlan(recipe, options.run, tell);
  const { resumed, source } = plan;
  for (const line of source?.notes ?? []) await note(line);
  for (const line of resumed?.checkParts() ?? []) await note(line, true);
  if (resumed === undefined) checkSynchronized(plan.recipe, group);
  deviceOf(plan.recipe, group); // fails before anything is read
  const prepare = setMachine(plan.recipe, group);
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
      if (options.split !== undefined && data.split === undefined) {
        const why = "is for a folder of photos without parts of its own";
        throw new UsageError("ERR_SPLIT", `train: \`split\` ${why}, and ${data.name} is none. Leave it out`);
      }
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
    return await trainOn(data, { ...plan, recipe: enough, prepare }, ownView, options, tell);
  } finally {
    await data.close();
  }
}

async function trainOn(
  data: OpenedData,
  plan: PreparedPlan,
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
