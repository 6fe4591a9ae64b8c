/** One export, from weights to the file that was written. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../errors.js";
import { type Preprocessing, preprocessingOf } from "../export/preprocessing.js";
import { exportWeights, importWeights, type Training } from "../export/safetensors.js";
import { createClassifier } from "../models/registry.js";
import { loadState } from "../models/weights.js";
import { MAIN_ROUTE } from "../nn/context.js";
import { resolveRecipe } from "../recipes/resolve.js";
import { parseSavedRecipe } from "../recipes/saved.js";
import { type OpenWeightsOptions, openWeights } from "../weights/open.js";

export interface ExportResult {
  readonly file: string;
  /** The file that it was made from. */
  readonly from: string;
  /** What was recognised in weights of another code base. */
  readonly notes: readonly string[];
  readonly model: string;
  readonly tensors: number;
  readonly routes: readonly string[];
  readonly bytes: number;
  readonly preprocessing: Preprocessing;
}

/** @throws ERR_EXPORT the weights would be overwritten; and what `openWeights` throws */
export async function runExport(
  reference: string,
  to: string,
  auxiliary: boolean,
  options: OpenWeightsOptions = {},
): Promise<ExportResult> {
  const { specification, tensors, file: weights, notes } = await openWeights(reference, options);
  if (resolve(weights) === resolve(to)) {
    throw new UsageError(
      "ERR_EXPORT",
      `export: --to must not be the weights themselves, ${weights}. Choose another file`,
    );
  }
  const model = createClassifier(specification.name, specification).initialize(0);
  try {
    loadState(model.network.state(), tensors, weights);
    exportWeights(model, to, { auxiliary, metadata: trainingOf(weights) });
  } finally {
    model.dispose();
  }
  // Read back: what is reported is what the file holds.
  const written = importWeights(to);
  return {
    file: to,
    from: weights,
    notes,
    model: specification.name,
    tensors: written.tensors.size,
    routes: [MAIN_ROUTE, ...written.specification.routes],
    bytes: statSync(to).size,
    preprocessing: preprocessingOf(written.specification),
  };
}

/** What the recipe of a checkpoint's run says; nothing where the file was taken out of its run. */
function trainingOf(weights: string): Training {
  const recipe = join(dirname(weights), "..", "recipe.yaml");
  if (!existsSync(recipe)) return {};
  const { method, attack } = resolveRecipe(parseSavedRecipe(readFileSync(recipe, "utf8"), recipe));
  return { method, ...(attack && { epsilon: attack.epsilon }) };
}
