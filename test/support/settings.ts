/** Recipes changed as the flag `--set` changes them. */
import { settingChanges } from "../../src/cli/flags/settings.js";
import { changeRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";

/** A recipe with settings `path=value`. */
export const applySettings = (recipe: Recipe, settings: readonly string[]): Recipe =>
  changeRecipe(recipe, settingChanges(settings));
