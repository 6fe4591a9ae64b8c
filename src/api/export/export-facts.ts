/** Facts about a run's weights for the metadata of exported files. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { OnnxFacts } from "../../export/onnx.js";
import type { TrainingFacts } from "../../export/safetensors.js";
import type { ModelSpecification } from "../../models/classifier.js";
import { MAIN_ROUTE } from "../../nn/context.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import { RunDirectory } from "../../runs/run-directory.js";
import type { EvaluationFile } from "../../runs/schema.js";

/** The run whose checkpoint a file is; undefined for other files. */
function runOf(weights: string): RunDirectory | undefined {
  const run = join(dirname(weights), "..");
  const isCheckpoint = basename(dirname(resolve(weights))) === "checkpoints" && existsSync(join(run, "run.json"));
  return isCheckpoint ? RunDirectory.open(run) : undefined;
}

/** Facts from the recipe of a checkpoint's run; none if the file is not in a run's folder. */
export function trainingOf(weights: string): TrainingFacts {
  const run = runOf(weights);
  if (run === undefined) return {};
  const { recipe } = run;
  const { method, attack } = resolveRecipe(parseSavedRecipe(readFileSync(recipe, "utf8"), recipe));
  return {
    method,
    ...(attack && { epsilon: attack.epsilon, ...(attack.norm === "l2" && { norm: attack.norm }) }),
  };
}

/**
 * The accuracy of a run's checkpoint on the images that the run has kept for it: an evaluation on clean images of its own data through the
 * main batch norms, with none that it was trained on or chosen by, at the image size and with the crop of the exported model. Of several
 * the one on test images, with the most images, and then the newest counts. Undefined if there is none, or if the checkpoint was
 * overwritten after it.
 */
export function accuracyOf(weights: string, { imageSize, view }: ModelSpecification): OnnxFacts["accuracy"] {
  const run = runOf(weights);
  if (run === undefined) return undefined;
  const folder = run.evaluation;
  if (!existsSync(folder)) return undefined;
  const written = statSync(weights).mtimeMs;
  const { name } = run.readInfo().data;
  const [found] = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as EvaluationFile)
    .filter((one) => basename(one.weights) === basename(weights) && one.route === MAIN_ROUTE)
    .filter((one) => Date.parse(one.createdAt) >= written)
    .filter(({ data }) => data.name === name && data.split !== "all" && !data.choseCheckpoint)
    .filter(({ data: { trainedOn = 0, validatedOn = 0 } }) => trainedOn + validatedOn === 0)
    .filter(
      ({ protocol: { imageSize: size, cropFraction = view.cropFraction, interpolation = view.interpolation } }) => {
        return size === imageSize && cropFraction === view.cropFraction && interpolation === view.interpolation;
      },
    )
    .sort(
      (a, b) =>
        Number(b.data.split === "test") - Number(a.data.split === "test") ||
        b.count - a.count ||
        b.createdAt.localeCompare(a.createdAt),
    );
  return found && { value: found.accuracy, images: found.count, data: found.data.name, split: found.data.split };
}
