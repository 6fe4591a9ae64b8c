/** Refuses before anything is trained: settings of a comparison that have no effect, and checkpoints that no run writes. */
import type { SavedSplit } from "../../data/folders/photo-split.js";
import { UsageError } from "../../errors.js";
import { openRecipeData, pathOf } from "../../recipes/build/data.js";
import { hasValidation, type OwnParts, ownParts } from "../../recipes/build/data-parts.js";
import { updatesIn, withEnoughUpdates } from "../../recipes/build/photos.js";
import { checkpointName } from "../../runs/model-argument.js";
import { type Arm, type Budget, type Comparison, trainedEpochs } from "./plan.js";

interface Checked {
  readonly folds?: number;
  readonly budget?: Budget;
  readonly checkpoint?: string;
}

/**
 * Checks the recipes and options of a comparison.
 *
 * @throws UsageError ERR_COMPARE an arm has a setting that only all arms together can have; ERR_VALIDATION_FRACTION folds have no validation
 *   images; ERR_VALIDATION early stopping has none; ERR_CHECKPOINT no run writes the checkpoint; ERR_DATA_MISSING there are no test images;
 *   and what listing the images throws
 */
export async function checkComparison(
  comparison: Comparison,
  arms: readonly Arm[],
  { folds, budget = "epochs", checkpoint = "last" }: Checked,
): Promise<void> {
  checkOwnSettings(comparison, budget);
  const wanted = checkpointName(checkpoint);
  if (wanted === undefined) {
    throw new UsageError(
      "ERR_CHECKPOINT",
      `compare: \`checkpoint\` must be last, best or the step of a kept checkpoint; got ${checkpoint}`,
    );
  }
  const known = new Map<string, OwnParts>();
  for (const arm of arms) {
    const path = pathOf(arm.resolved);
    let validated = false;
    if (folds !== undefined) {
      checkNoFraction(comparison, arm);
    } else {
      const parts = known.get(path) ?? (await ownParts(path, "compare"));
      known.set(path, parts);
      checkParts(path, parts, arms[0], arm);
      validated = hasValidation(arm.resolved, parts);
    }
    if (!validated) checkNeedsNone(comparison, arm, wanted, folds);
    if (typeof wanted === "number") checkKept(arm, wanted);
  }
}

/** @throws ERR_COMPARE an arm has its own seed, or epochs that the budget replaces */
function checkOwnSettings(comparison: Comparison, budget: Budget): void {
  for (const [i, [name, { seed, training }]] of Object.entries(comparison.arms).entries()) {
    if (seed !== undefined) {
      throw new UsageError(
        "ERR_COMPARE",
        `compare: arm ${name}, seed: ${seed} has no effect, because all arms are trained with the same seeds. \`seeds\` gives their number, and a ` +
          "`seed` that all arms share is the first one. Leave it out of the arm",
      );
    }
    if (i > 0 && budget !== "epochs" && training?.epochs !== undefined) {
      throw new UsageError(
        "ERR_COMPARE",
        `compare: arm ${name}, training.epochs: ${training.epochs} has no effect with \`budget: ${budget}\`, which decides the epochs of all arms but ` +
          "the first. Leave it out of the arm, or give `budget: epochs`",
      );
    }
  }
}

/** @throws ERR_VALIDATION_FRACTION photos are to be split off for validation */
function checkNoFraction({ arms }: Comparison, { name, resolved }: Arm): void {
  const { validationFraction } = resolved.data;
  if (!validationFraction) return;
  const own = arms[name].data?.validationFraction !== undefined;
  const setting = own
    ? `arm ${name}, data.validationFraction: ${validationFraction}`
    : `\`data.validationFraction: ${validationFraction}\``;
  throw new UsageError(
    "ERR_VALIDATION_FRACTION",
    `compare: ${setting} has no effect with \`folds\`: each arm is trained on all photos that are not in the fold. Leave it out, or give ` +
      "`seeds` instead of `folds`",
  );
}

/** @throws ERR_DATA_MISSING there are no test images; ERR_COMPARE arms want different splits of the same photos */
function checkParts(path: string, { photos, parts }: OwnParts, first: Arm, arm: Arm): void {
  if (photos && parts.length > 0 && !parts.includes("test")) {
    throw new UsageError(
      "ERR_DATA_MISSING",
      `compare: the runs are measured on test images, and ${path} has none, only ${parts.join(" and ")}. Add a folder test`,
    );
  }
  const [own, shared] = [arm, first].map(({ resolved }) => resolved.data.validationFraction);
  if (!photos || own === shared) return;
  throw new UsageError(
    "ERR_COMPARE",
    `compare: all arms share one split of the photos in ${path}, so they must have the same data.validationFraction; arm ${first.name} has ${shared}, ` +
      `and arm ${arm.name} has ${own}. Give it only once, for all arms`,
  );
}

/** @throws ERR_VALIDATION, ERR_CHECKPOINT an arm without validation images has a setting that needs them */
function checkNeedsNone(
  comparison: Comparison,
  { name, resolved }: Arm,
  wanted: string | number,
  folds?: number,
): void {
  const why =
    folds === undefined
      ? `needs validation images, and arm ${name} has none`
      : "needs validation images, and folds have none";
  const how = folds === undefined ? "add `data.validationFraction: 0.1`" : "give `seeds` instead of `folds`";
  const { earlyStoppingEpochs } = resolved.training;
  if (earlyStoppingEpochs !== null) {
    const own = comparison.arms[name].training?.earlyStoppingEpochs !== undefined;
    const setting = own
      ? `arm ${name}, training.earlyStoppingEpochs: ${earlyStoppingEpochs}`
      : `\`training.earlyStoppingEpochs: ${earlyStoppingEpochs}\``;
    throw new UsageError("ERR_VALIDATION", `compare: ${setting} ${why}. Leave it out, or ${how}`);
  }
  if (wanted !== "best") return;
  throw new UsageError("ERR_CHECKPOINT", `compare: \`checkpoint: best\` ${why}. Give \`checkpoint: last\`, or ${how}`);
}

/** @throws ERR_CHECKPOINT the runs of an arm keep no checkpoint at this step */
function checkKept({ name, resolved }: Arm, step: number): void {
  const { keepEverySteps: every } = resolved.training;
  if (every !== null && step > 0 && step % every === 0) return;
  const why = every === null ? "keep no checkpoints but last and best" : `keep a checkpoint every ${every} steps`;
  const how =
    every !== null
      ? `, or a multiple of ${every}`
      : step > 0
        ? `, or keep it with \`training.keepEverySteps: ${step}\``
        : "";
  throw new UsageError(
    "ERR_CHECKPOINT",
    `compare: there will be no checkpoint ${step}, because the runs of arm ${name} ${why}. Give \`checkpoint: last\`${how}`,
  );
}

/**
 * Checks that the runs of all arms get as far as the step of the wanted checkpoint. Not for a batch size of "auto": the number of updates
 * is then known only after a measurement.
 *
 * @param epochs `training.epochs` of each arm
 * @param splits the splits of the folds, if there are folds
 * @throws UsageError ERR_CHECKPOINT a run ends before that step; and what opening the images throws
 */
export async function checkReached(
  arms: readonly Arm[],
  epochs: Readonly<Record<string, number>>,
  splits: readonly SavedSplit[],
  { checkpoint = "last" }: Checked,
): Promise<void> {
  const step = checkpointName(checkpoint);
  if (typeof step !== "number") return;
  // The smallest training set makes the fewest updates.
  const [split] = [...splits].sort((a, b) => a.parts.train.length - b.parts.train.length);
  for (const arm of arms) {
    const data = await openRecipeData(arm.resolved, { parts: ["train", "validation"], split });
    await data.close();
    const images = data.train?.length ?? 0;
    const { batchSize, accumulationSteps, keepEverySteps } = withEnoughUpdates(arm.resolved, images).training;
    if (batchSize === "auto") continue;
    const last = trainedEpochs(arm.resolved, epochs[arm.name]) * updatesIn(images, batchSize, accumulationSteps);
    if (step <= last) continue;
    const kept = keepEverySteps !== null && keepEverySteps <= last ? `, or a multiple of ${keepEverySteps}` : "";
    throw new UsageError(
      "ERR_CHECKPOINT",
      `compare: there will be no checkpoint ${step}, because the runs of arm ${arm.name} end after ${last} updates. Give \`checkpoint: last\`${kept}`,
    );
  }
}
