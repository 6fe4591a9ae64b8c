/**
 * The settings that may be changed when a run is resumed: those that help after a failure or an end, if the checkpoint does not depend on
 * them.
 */
import { UsageError } from "../../errors.js";
import { createSchedule } from "../../optim/create.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { checkGivenKeys } from "../../recipes/build/given-keys.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { isMapping } from "../../recipes/rules.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import type { TrainingState } from "../../training/checkpoint.js";
import { stalled } from "../../training/fit.js";

/** Paths in the recipe. */
const CHANGEABLE: readonly string[] = [
  // The images must still be the same: same-images.ts compares them.
  "data.path",
  "optimizer.lr",
  "training.epochs",
  "training.clipGradientNorm",
  "training.earlyStoppingEpochs",
  "data.onBadImage",
  "data.maxBad",
];

/** The changed values, by their paths in the recipe. */
export type ResumeChanges = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;

/**
 * The recipe of a run with some values changed.
 *
 * @param changed the new values, in their sections
 * @throws ERR_RESUME one of them may not be changed; ERR_RECIPE a value breaks its rule; and what {@link checkGivenKeys} throws
 */
export function changedRecipe(
  saved: Recipe,
  changed: Recipe,
): { readonly recipe: ResolvedRecipe; readonly changes: ResumeChanges } {
  const paths = pathsOf(changed);
  const fixed = paths.filter((path) => !CHANGEABLE.includes(path));
  if (fixed.length > 0) {
    throw new UsageError(
      "ERR_RESUME",
      "train: a resumed run uses the recipe that is saved in its folder. Only " +
        `${CHANGEABLE.map(quoted).join(", ")} can be changed; leave out ${fixed.map(quoted).join(", ")}`,
    );
  }
  const before = resolveRecipe(saved);
  const both = merged(saved, changed) as Recipe;
  const recipe = resolveRecipe(both);
  checkGivenKeys(
    both,
    paths.map((path) => ({ path, value: valueAt(recipe, path) })),
    "train",
  );
  const changes: Record<string, { before: unknown; after: unknown }> = {};
  for (const path of paths) {
    const [old, now] = [valueAt(before, path), valueAt(recipe, path)];
    if (old !== now) changes[path] = { before: old, after: now };
  }
  return { recipe, changes };
}

const quoted = (path: string): string => `\`${path}\``;

/** The paths of all values of a recipe, without those of sections. */
const pathsOf = (section: object, prefix = ""): string[] =>
  Object.entries(section).flatMap(([key, value]) =>
    isMapping(value) ? pathsOf(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );

const merged = (base: unknown, over: unknown): unknown =>
  isMapping(base) && isMapping(over)
    ? { ...base, ...Object.fromEntries(Object.entries(over).map(([key, value]) => [key, merged(base[key], value)])) }
    : over;

const valueAt = (recipe: ResolvedRecipe, path: string): unknown =>
  path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], recipe);

/**
 * Checks that there is something left to train.
 *
 * @param state counters of the run; undefined before its first checkpoint
 * @throws ERR_RESUME the changes have no effect
 */
export function checkChanges(
  recipe: ResolvedRecipe,
  changes: ResumeChanges,
  state: Pick<TrainingState, "epoch" | "best"> | undefined,
): void {
  if (state === undefined || Object.keys(changes).length === 0) return;
  const { training } = recipe;
  const refused = (why: string) => new UsageError("ERR_RESUME", `train: ${why}`);
  const done = `${state.epoch} epochs are done`;
  if (epochsOf(recipe) <= state.epoch) {
    throw refused(
      changes["training.epochs"] === undefined
        ? `the run has finished: ${done}. To continue the training, give a larger \`training.epochs\``
        : `\`training.epochs\` must be larger, because ${done}; got ${training.epochs}` +
            (epochsOf(recipe) === training.epochs ? "" : `, which ${recipe.method} trains as ${epochsOf(recipe)}`),
    );
  }
  if (stalled(training, state)) {
    throw refused(
      `early stopping has ended the run, because the validation accuracy did not improve for ${training.earlyStoppingEpochs} epochs. ` +
        "To continue, set `training.earlyStoppingEpochs: null`, or a larger number",
    );
  }
}

/** Describes the changes, and their effect on the learning rate. */
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
    createSchedule(recipe.schedule, {
      peak,
      totalSteps: epochsOf({ training: { ...recipe.training, epochs: all } }) * stepsPerEpoch,
      epochs: all,
    })(step);
  const now = rate(recipe.optimizer.lr, recipe.training.epochs);
  const was = rate(Number(lr?.before ?? recipe.optimizer.lr), Number(epochs?.before ?? recipe.training.epochs));
  return [
    ...lines,
    `The schedule (${recipe.schedule.name}) now covers ${recipe.training.epochs} epochs from the run's first step: ` +
      `the learning rate of the next step is ${short(now)} instead of ${short(was)}.`,
  ];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
