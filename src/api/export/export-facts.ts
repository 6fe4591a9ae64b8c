/** What is known of a run's weights beside the tensors: for the metadata of files that leave the run. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { OnnxFacts } from "../../export/onnx.js";
import type { TrainingFacts } from "../../export/safetensors.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { EvaluationFile } from "../../runs/schema.js";

/** What the recipe of a checkpoint's run says; nothing where the file was taken out of its run. */
export function trainingOf(weights: string): TrainingFacts {
  const recipe = join(dirname(weights), "..", "recipe.yaml");
  if (!existsSync(recipe)) return {};
  const { method, attack } = resolveRecipe(parseSavedRecipe(readFileSync(recipe, "utf8"), recipe));
  return { method, ...(attack && { epsilon: attack.epsilon }) };
}

/**
 * The accuracy that a run's checkpoint had when it was last evaluated on all clean images of a part, through the main batch norms;
 * undefined where it was not, or was written anew since.
 */
export function accuracyOf(weights: string): OnnxFacts["accuracy"] {
  const folder = join(dirname(weights), "..", "evaluation");
  if (!existsSync(folder)) return undefined;
  const written = statSync(weights).mtimeMs;
  const found = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as EvaluationFile)
    .filter((one) => basename(one.weights) === basename(weights) && one.route === MAIN_ROUTE)
    .filter((one) => Date.parse(one.createdAt) >= written)
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt))
    .at(-1);
  return found && { value: found.accuracy, images: found.count, data: found.data.name, split: found.data.split };
}
