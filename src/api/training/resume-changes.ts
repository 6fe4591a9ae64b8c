/** What may be changed where a run is resumed: what helps one that failed or ended, and nothing that its checkpoint rests on. */
import { UsageError } from "../../errors.js";
import { createSchedule } from "../../optim/create.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { isMapping } from "../../recipes/rules.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import type { TrainingState } from "../../training/checkpoint.js";
import { stalled } from "../../training/fit.js";

/** By their paths in the recipe. */
const CHANGEABLE: readonly string[] = [
  "optimizer.lr",
  "training.epochs",
  "training.clipGradientNorm",
  "training.earlyStoppingEpochs",
  "data.onBadImage",
  "data.maxBad",
];

/** Each changed value, by its path in the recipe. */
export type ResumeChanges = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;

/**
 * The recipe of a run with some values changed.
 *
 * @param changed the values, in their sections
 * @throws ERR_RESUME one of them cannot be changed any more; ERR_RECIPE a value breaks its rule
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
      "train: a run goes on with the recipe that is saved in its folder, in which only " +
        `${CHANGEABLE.map(quoted).join(", ")} can be changed; leave out ${fixed.map(quoted).join(", ")}`,
    );
  }
  const before = resolveRecipe(saved);
  const recipe = resolveRecipe(merged(saved, changed) as Recipe);
  const changes: Record<string, { before: unknown; after: unknown }> = {};
  for (const path of paths) {
    const [old, now] = [valueAt(before, path), valueAt(recipe, path)];
    if (old !== now) changes[path] = { before: old, after: now };
  }
  return { recipe, changes };
}

const quoted = (path: string): string => `\`${path}\``;

/** The paths of the values of a recipe, sections left out. */
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
 * @param state where the run stands; undefined before its first checkpoint
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
        ? `the run has finished, and nothing is left to change: ${done}. To train on, give a larger \`training.epochs\``
        : `\`training.epochs\` must be larger than what the run has done: ${done}; got ${training.epochs}` +
            (epochsOf(recipe) === training.epochs ? "" : `, which ${recipe.method} trains as ${epochsOf(recipe)}`),
    );
  }
  if (stalled(training, state)) {
    throw refused(
      `validation got no better for ${training.earlyStoppingEpochs} epochs, so the run has stopped early, and the changes would have ` +
        "no effect. Set `training.earlyStoppingEpochs: null`, or a larger number",
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
    createSchedule(recipe.schedule, {
      peak,
      totalSteps: epochsOf({ training: { ...recipe.training, epochs: all } }) * stepsPerEpoch,
      epochs: all,
    })(step);
  const now = rate(recipe.optimizer.lr, recipe.training.epochs);
  const was = rate(Number(lr?.before ?? recipe.optimizer.lr), Number(epochs?.before ?? recipe.training.epochs));
  return [
    ...lines,
    `The schedule (${recipe.schedule.name}) is one over ${recipe.training.epochs} epochs, counted from the run's first step: ` +
      `the learning rate goes on at ${short(now)}, and was ${short(was)} there before.`,
  ];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
