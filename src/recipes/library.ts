/** The recipes that come with the package, and the user's own files. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { didYouMean, UsageError } from "../errors.js";
import { parseRecipe } from "./resolve.js";
import type { Recipe } from "./schema.js";

/** A recipe on disk. */
export interface RecipeFile {
  /** The file's name without its extension. */
  readonly name: string;
  readonly path: string;
  /** The comment at the top of the file: command, time, hardware and expected result. May be empty. */
  readonly description: string;
}

// The path is the same from src/recipes and from dist/recipes.
const PACKAGE_RECIPES = fileURLToPath(new URL("../../recipes", import.meta.url));

/** Old names of recipes, with their new names. */
const FORMER_NAMES: Readonly<Record<string, string>> = { "finetune-photos": "photos" };

/** The recipes in a folder, sorted by name; by default those of the package. */
export function listRecipes(folder: string = PACKAGE_RECIPES): RecipeFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && isRecipeName(entry.name))
    .map((entry) => entry.name)
    .sort()
    .map((file) => describe(join(folder, file)));
}

/**
 * Finds a recipe of the package by its name, or a file by its path. A text that contains a folder or an extension is a path.
 *
 * @throws UsageError ERR_RECIPE_MISSING there is no such recipe
 */
export function findRecipe(nameOrPath: string, folder: string = PACKAGE_RECIPES): RecipeFile {
  if (isRecipeName(nameOrPath) || basename(nameOrPath) !== nameOrPath) {
    if (statSync(nameOrPath, { throwIfNoEntry: false })?.isFile()) return describe(nameOrPath);
    throw new UsageError("ERR_RECIPE_MISSING", `the recipe file ${nameOrPath} does not exist. Check the path.`);
  }
  const recipes = listRecipes(folder);
  const found = recipes.find(({ name }) => name === nameOrPath);
  if (found !== undefined) return found;
  const names = recipes.map(({ name }) => name);
  const now = Object.hasOwn(FORMER_NAMES, nameOrPath) ? FORMER_NAMES[nameOrPath] : undefined;
  if (now !== undefined && names.includes(now)) {
    throw new UsageError(
      "ERR_RECIPE_MISSING",
      `the recipe ${nameOrPath} was replaced by ${now}, which has another network and other values. Use ${now}, or the path of a copy of the old file.`,
    );
  }
  throw new UsageError(
    "ERR_RECIPE_MISSING",
    `there is no recipe ${nameOrPath}; there are ${names.join(", ") || "none"}.${didYouMean(nameOrPath, names)} ` +
      "For a file of your own give its path, ending in .yaml.",
  );
}

/**
 * Finds, reads and checks a recipe.
 *
 * @throws UsageError ERR_RECIPE_MISSING, ERR_RECIPE_SYNTAX, ERR_RECIPE as {@link findRecipe} and {@link parseRecipe}
 */
export function loadRecipe(nameOrPath: string, folder: string = PACKAGE_RECIPES): Recipe {
  const { path } = findRecipe(nameOrPath, folder);
  return parseRecipe(readFileSync(path, "utf8"), path);
}

function isRecipeName(file: string): boolean {
  return [".yaml", ".yml"].includes(extname(file));
}

function describe(path: string): RecipeFile {
  const lines = readFileSync(path, "utf8").split(/\r?\n/);
  const end = lines.findIndex((line) => !line.startsWith("#"));
  const header = lines.slice(0, end === -1 ? undefined : end);
  const description = header
    .map((line) => line.replace(/^# ?/, ""))
    .join("\n")
    .trim();
  return { name: basename(path, extname(path)), path, description };
}
