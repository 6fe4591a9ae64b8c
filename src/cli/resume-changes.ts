/** What may be changed where a run is resumed: what helps one that failed or ended, and nothing that its checkpoint rests on. */
import { RunError, UsageError } from "../errors.js";
import { createSchedule } from "../optim/create.js";
import { applySettings, resolveRecipe } from "../recipes/resolve.js";
import type { Recipe, ResolvedRecipe } from "../recipes/schema.js";
import type { TrainingState } from "../training/checkpoint.js";
import { stalled } from "../training/fit.js";

/** By path in the recipe, the flag that sets it. */
const CHANGEABLE: Readonly<Record<string, string>> = {
  "optimizer.lr": "--lr",
  "training.epochs": "--epochs",
  "training.clipGradientNorm": "--set training.clipGradientNorm",
  "training.earlyStoppingEpochs": "--set training.earlyStoppingEpochs",
  "data.onBadImage": "--on-bad-image",
  "data.maxBad": "--max-bad",
};

/** Each changed value, by its path in the recipe. */
export type ResumeChanges = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;

/**
 * The recipe of a run with settings `path=value` applied.
 *
 * @throws ERR_RESUME a setting cannot be changed any more; ERR_SETTING a value breaks its rule
 */
export function changedRecipe(
  saved: Recipe,
  settings: readonly string[],
): { readonly recipe: ResolvedRecipe; readonly changes: ResumeChanges } {
  const fixed = settings.filter((setting) => !Object.hasOwn(CHANGEABLE, pathOf(setting)));
  if (fixed.length > 0) {
    throw new UsageError(
      "ERR_RESUME",
      "train: --resume continues the run in --run DIR with the recipe saved there, in which only " +
        `${Object.values(CHANGEABLE).join(", ")} can be changed; leave out ${fixed.map(pathOf).join(", ")}`,
    );
  }
  const before = resolveRecipe(saved);
  const recipe = resolveRecipe(applySettings(saved, settings));
  const changes: Record<string, { before: unknown; after: unknown }> = {};
  for (const path of settings.map(pathOf)) {
    const [old, now] = [valueAt(before, path), valueAt(recipe, path)];
    if (old !== now) changes[path] = { before: old, after: now };
  }
  return { recipe, changes };
}

const pathOf = (setting: string): string => setting.slice(0, Math.max(0, setting.indexOf("="))).trim() || setting;

const valueAt = (recipe: ResolvedRecipe, path: string): unknown =>
  path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], recipe);

/**
 * Checks that there is something left to train.
 *
 * @param state where the run stands; undefined before its first checkpoint
 * @throws ERR_RESUME the changes have no effect
 */
export function checkChanges(
  { training }: ResolvedRecipe,
  changes: ResumeChanges,
  state: Pick<TrainingState, "epoch" | "best"> | undefined,
): void {
  if (state === undefined || Object.keys(changes).length === 0) return;
  const refused = (why: string) => new UsageError("ERR_RESUME", `train: ${why}`);
  const done = `${state.epoch} epochs are done`;
  if (training.epochs <= state.epoch) {
    throw refused(
      changes["training.epochs"] === undefined
        ? `the run has finished, and nothing is left to change: ${done}. To train on, add --epochs with a larger number`
        : `--epochs must be larger than what the run has done: ${done}; got ${training.epochs}`,
    );
  }
  if (stalled(training, state)) {
    throw refused(
      `validation got no better for ${training.earlyStoppingEpochs} epochs, so the run has stopped early, and the changes would have ` +
        "no effect. Add --set training.earlyStoppingEpochs=null, or a larger number",
    );
  }
}

/** What was changed, and what becomes of the learning rate, in words. */
export function describeChanges(
  recipe: ResolvedRecipe,
  changes: ResumeChanges,
  stepsPerEpoch: number,
  step: number,
): string[] {
  const lines = Object.entries(changes).map(
    ([path, { before, after }]) => `Changed ${path} from ${before} to ${after}.`,
  );
  const { "optimizer.lr": lr, "training.epochs": epochs } = changes;
  if (lr === undefined && epochs === undefined) return lines;
  const rate = (peak: number, all: number) =>
    createSchedule(recipe.schedule, { peak, totalSteps: all * stepsPerEpoch, epochs: all })(step);
  const now = rate(recipe.optimizer.lr, recipe.training.epochs);
  const was = rate(Number(lr?.before ?? recipe.optimizer.lr), Number(epochs?.before ?? recipe.training.epochs));
  return [
    ...lines,
    `The schedule (${recipe.schedule.name}) is one over ${recipe.training.epochs} epochs, counted from the run's first step: ` +
      `the learning rate goes on at ${short(now)}, and was ${short(was)} there before.`,
  ];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

/** The error with the command that goes on after what it advises. */
export function withResumeAdvice(error: unknown, run: string, { optimizer, training }: ResolvedRecipe): unknown {
  if (!(error instanceof RunError)) return error;
  const resume = `advprop train --run ${run} --resume`;
  const lower = `${resume} --lr ${Number((optimizer.lr / 3).toPrecision(2))}`;
  const clipped = `${resume} --set training.clipGradientNorm=${short((training.clipGradientNorm ?? 25) / 5)}`;
  const advice = {
    ERR_NON_FINITE: `The run goes on with: ${lower}, or ${clipped}`,
    ERR_WRITE: `Then the run goes on with: ${resume}`,
  }[error.code];
  return advice === undefined ? error : new RunError(error.code, `${error.message} ${advice}`, { cause: error });
}
