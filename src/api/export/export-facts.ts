/** Facts about a run's weights for the metadata of exported files. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { OnnxFacts } from "../../export/onnx.js";
import type { TrainingFacts } from "../../export/safetensors.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import type { EvaluationFile } from "../../runs/schema.js";

/** Facts from the recipe of a checkpoint's run; none if the file is not in a run's folder. */
export function trainingOf(weights: string): TrainingFacts {
  const recipe = join(dirname(weights), "..", "recipe.yaml");
  if (!existsSync(recipe)) return {};
  const { method, attack } = resolveRecipe(parseSavedRecipe(readFileSync(recipe, "utf8"), recipe));
  return { method, ...(attack && { epsilon: attack.epsilon }) };
}

/**
 * The accuracy of a run's checkpoint on clean images in its latest evaluation through the main batch norms, with the number and the name of
 * the images; undefined if there is none, or if the checkpoint was overwritten after it.
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
