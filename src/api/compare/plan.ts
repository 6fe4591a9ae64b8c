/** What a comparison trains: its arms, its repetitions, and how long each arm trains. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { methodOf, recipeAttackGradients } from "../../recipes/build/method-step.js";
import { changeRecipe, type RecipeChange, resolveRecipe } from "../../recipes/resolve.js";
import { isMapping } from "../../recipes/rules.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { forwardBackwardUnits } from "../../training/methods/methods.js";

/** What is compared. */
export interface Comparison {
  /** What all arms share. */
  readonly common?: Recipe;
  /** By name, what each arm differs in. All others are compared with the first. */
  readonly arms: Readonly<Record<string, Recipe>>;
}

/** What every arm gets: as many epochs, forward-backward units of training, or measured seconds, as the first arm. */
export type Budget = "epochs" | "compute" | "time";

/** An arm with its complete recipe. */
export interface Arm {
  readonly name: string;
  readonly recipe: Recipe;
  readonly resolved: ResolvedRecipe;
}

/**
 * The arms, each checked whole.
 *
 * @throws UsageError ERR_COMPARE there are fewer than two arms, or a name is no file name; ERR_SETTING a recipe is wrong
 */
export function armsOf({ common = {}, arms }: Comparison): Arm[] {
  const names = Object.keys(arms);
  const bad = names.find((name) => !/^\w[\w.-]*$/.test(name));
  if (bad !== undefined) {
    const rule = "an arm's name must be made of letters, digits, dots, hyphens and underscores";
    throw new UsageError("ERR_COMPARE", `compare: ${rule}; got ${JSON.stringify(bad)}`);
  }
  if (names.length < 2) {
    throw new UsageError("ERR_COMPARE", `compare: a comparison needs at least two arms; got ${names.length}`);
  }
  return names.map((name) => {
    const recipe = changeRecipe(common, changesIn(arms[name], `arm ${name}`));
    return { name, recipe, resolved: resolveRecipe(recipe) };
  });
}

/** Every value of a partial recipe, by its path. */
function changesIn(recipe: Recipe, source: string, path = ""): RecipeChange[] {
  return Object.entries(recipe).flatMap(([key, value]) => {
    const own = path === "" ? key : `${path}.${key}`;
    const inner = isMapping(value) ? changesIn(value as Recipe, source, own) : [];
    return inner.length > 0 ? inner : [{ path: own, value, source: `${source}, ${own}` }];
  });
}

/** What a step of the recipe costs, in training passes of vanilla. */
export const unitsOf = (recipe: ResolvedRecipe): number =>
  forwardBackwardUnits(methodOf(recipe), recipeAttackGradients(recipe));

/** Epochs that are trained for each of `training.epochs`: fewer than one of Fast AdvProp. */
export const trainedShare = (recipe: ResolvedRecipe): number => epochsOf(recipe) / recipe.training.epochs;

/**
 * Epochs of each arm, so that all get what the first gets in its own number of epochs.
 *
 * @param cost of an epoch of each arm, in any unit
 */
export function epochsWithin(arms: readonly Arm[], cost: (arm: Arm) => number): Record<string, number> {
  const [first] = arms;
  const whole = first.resolved.training.epochs * cost(first);
  return Object.fromEntries(arms.map((arm) => [arm.name, Math.max(1, Math.round(whole / cost(arm)))]));
}

/** What a comparison's folder holds of it: a call with the same folder must ask for the same. */
export interface SavedComparison extends Required<Comparison> {
  readonly schema: 1;
  readonly budget: Budget;
  readonly folds: number | undefined;
  /** Of each arm. */
  readonly epochs: Readonly<Record<string, number>>;
}

export const planFile = (folder: string): string => join(folder, "comparison-plan.json");

/**
 * The plan that a folder was begun with; undefined for a new one.
 *
 * @throws UsageError ERR_COMPARE it was begun with another
 */
export function readPlan(
  folder: string,
  asked: Omit<SavedComparison, "schema" | "epochs">,
): SavedComparison | undefined {
  const path = planFile(folder);
  if (!existsSync(path)) return undefined;
  const saved = JSON.parse(readFileSync(path, "utf8")) as SavedComparison;
  for (const key of ["common", "arms", "budget", "folds"] as const) {
    if (JSON.stringify(saved[key]) === JSON.stringify(asked[key])) continue;
    throw new UsageError(
      "ERR_COMPARE",
      `compare: ${folder} holds another comparison, whose ${key} is ${JSON.stringify(saved[key])}. Give another folder with \`to\``,
    );
  }
  return saved;
}
