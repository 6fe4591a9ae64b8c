/** The recipe that a run saved in its folder. */
import { hasTwoLosses, METHOD_TRAITS } from "../training/methods/method-traits.js";
import { DEFAULT_METHOD, withoutIneffective } from "./effect.js";
import { parseRecipe } from "./resolve.js";
import { isMapping } from "./rules.js";
import type { Recipe } from "./schema.js";

/**
 * Reads the recipe of a run with the meaning that it had when the run began. Earlier versions wrote an attack for every method, and
 * smoothed only the labels of clean images.
 *
 * @param text the contents of the run's recipe.yaml
 * @throws UsageError ERR_RECIPE_SYNTAX, ERR_RECIPE as {@link parseRecipe}
 */
export function parseSavedRecipe(text: string, fileName: string): Recipe {
  return parseRecipe(text, fileName, asItWasMeant);
}

function asItWasMeant(written: unknown): unknown {
  if (!isMapping(written)) return written;
  const recipe = withoutIneffective(written, undefined);
  const { training, method = DEFAULT_METHOD } = recipe;
  const traits = Object.entries(METHOD_TRAITS).find(([name]) => name === method)?.[1];
  const twoLosses = traits !== undefined && hasTwoLosses(traits);
  if (!twoLosses || !isMapping(training) || Number(training.labelSmoothing) === 0) return recipe;
  if (training.labelSmoothing === undefined || "adversarialLabelSmoothing" in training) return recipe;
  return { ...recipe, training: { ...training, adversarialLabelSmoothing: 0 } };
}
