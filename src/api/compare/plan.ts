/** The plan of a comparison: its arms, its repetitions, and how long each arm trains. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { epochsOf } from "../../recipes/build/epochs.js";
import { checkGivenKeys } from "../../recipes/build/given-keys.js";
import { methodOf, recipeAttackGradients } from "../../recipes/build/method-step.js";
import { checkTwoViews } from "../../recipes/build/two-views.js";
import { changeRecipe, type RecipeChange, resolveRecipe } from "../../recipes/resolve.js";
import { isMapping } from "../../recipes/rules.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { forwardBackwardUnits } from "../../training/methods/methods.js";

/** The arms to compare. */
export interface Comparison {
  /** The values that all arms share. */
  readonly common?: Recipe;
  /** The values in which each arm differs, by its name. All arms are compared with the first. */
  readonly arms: Readonly<Record<string, Recipe>>;
}

const BUDGETS = ["epochs", "compute", "time"] as const;

/** What is equal for all arms: the epochs, the forward-backward units of training ("compute"), or the measured seconds ("time"). */
export type Budget = (typeof BUDGETS)[number];

/** @throws UsageError ERR_COMPARE the budget is not known */
export function checkBudget(budget: Budget): void {
  if (BUDGETS.includes(budget)) return;
  throw new UsageError("ERR_COMPARE", `compare: \`budget\` must be ${BUDGETS.join(", ")}; got ${budget}`);
}

/** An arm with its complete recipe. */
export interface Arm {
  readonly name: string;
  readonly recipe: Recipe;
  readonly resolved: ResolvedRecipe;
}

/**
 * The arms with their checked recipes.
 *
 * @throws UsageError ERR_COMPARE there are fewer than two arms, or a name is not usable as a file name; ERR_SETTING a recipe is wrong
 */
export function armsOf({ common = {}, arms }: Comparison): Arm[] {
  const names = Object.keys(arms);
  const bad = names.find((name) => !/^\w[\w.-]*$/.test(name));
  if (bad !== undefined) {
    const rule = "an arm's name may contain only letters, digits, dots, hyphens and underscores";
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

/**
 * Checks that the keys of each arm have an effect on its images, and that vanilla-two-views has two different views.
 *
 * @param written the arms as they were given
 * @throws UsageError what {@link checkGivenKeys} and {@link checkTwoViews} throw
 */
export function checkArms(arms: readonly Arm[], written: Comparison["arms"]): void {
  for (const { name, recipe, resolved } of arms) {
    checkGivenKeys(recipe, changesIn(written[name], `arm ${name}`), "compare");
    checkTwoViews(resolved, `compare: arm ${name}`);
  }
}

/** All values of a partial recipe, with their paths. */
function changesIn(recipe: Recipe, source: string, path = ""): RecipeChange[] {
  return Object.entries(recipe).flatMap(([key, value]) => {
    const own = path === "" ? key : `${path}.${key}`;
    const inner = isMapping(value) ? changesIn(value as Recipe, source, own) : [];
    return inner.length > 0 ? inner : [{ path: own, value, source: `${source}, ${own}` }];
  });
}

/** The cost of a step in training passes of vanilla training. */
export const unitsOf = (recipe: ResolvedRecipe): number =>
  forwardBackwardUnits(methodOf(recipe), recipeAttackGradients(recipe));

/** The epochs that an arm trains if its `training.epochs` are `epochs`: fewer for Fast AdvProp. */
export const trainedEpochs = ({ training }: ResolvedRecipe, epochs: number): number =>
  epochsOf({ training: { ...training, epochs } });

/** The ratio of trained epochs to `training.epochs`, which is below 1 for Fast AdvProp. */
export const trainedShare = (recipe: ResolvedRecipe): number => epochsOf(recipe) / recipe.training.epochs;

/**
 * The `training.epochs` of each arm, such that all arms cost as much as the first.
 *
 * @param cost cost of an epoch of an arm, in any unit
 */
export function epochsWithin(arms: readonly Arm[], cost: (arm: Arm) => number): Record<string, number> {
  const [first] = arms;
  const whole = first.resolved.training.epochs * cost(first);
  return Object.fromEntries(arms.map((arm) => [arm.name, Math.max(1, Math.round(whole / cost(arm)))]));
}

/** The plan that is saved in the folder of a comparison. A call with the same folder must have the same plan. */
export interface SavedComparison extends Required<Comparison> {
  readonly schema: 1;
  readonly budget: Budget;
  readonly folds: number | undefined;
  /** `training.epochs` of each arm. */
  readonly epochs: Readonly<Record<string, number>>;
}

export const planFile = (folder: string): string => join(folder, "comparison-plan.json");

/**
 * The saved plan of a folder; undefined for a new folder.
 *
 * @throws UsageError ERR_COMPARE the folder was begun with another plan
 */
export function readPlan(
  folder: string,
  requested: Omit<SavedComparison, "schema" | "epochs">,
): SavedComparison | undefined {
  const path = planFile(folder);
  if (!existsSync(path)) return undefined;
  const saved = JSON.parse(readFileSync(path, "utf8")) as SavedComparison;
  for (const key of ["common", "arms", "budget", "folds"] as const) {
    if (JSON.stringify(saved[key]) === JSON.stringify(requested[key])) continue;
    throw new UsageError(
      "ERR_COMPARE",
      `compare: ${folder} belongs to another comparison, whose ${key} is ${JSON.stringify(saved[key])}. Give another folder with \`to\``,
    );
  }
  return saved;
}
