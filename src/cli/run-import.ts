/** Converts weights of another code base to an advprop file. */
import { statSync } from "node:fs";
import { UsageError } from "../errors.js";
import { exportWeights } from "../export/safetensors.js";
import { loadedClassifier } from "../models/loaded.js";
import { checkEnding, checkNoInput } from "../runs/given-path.js";
import { type OpenWeightsOptions, openWeights } from "../weights/open.js";

export interface ImportResult {
  readonly file: string;
  readonly from: string;
  readonly model: string;
  readonly tensors: number;
  readonly bytes: number;
  /** What was recognised and chosen. */
  readonly notes: readonly string[];
}

/**
 * @throws ERR_PATH the name does not end in .safetensors, or the file is the input; ERR_IMPORT the input is an advprop file already; and
 *   what `openWeights` and `exportWeights` throw
 */
export async function runImport(reference: string, to: string, options: OpenWeightsOptions): Promise<ImportResult> {
  checkEnding("models import", to, ".safetensors");
  const opened = await openWeights(reference, options);
  const { specification, tensors, file, notes } = opened;
  if (notes.length === 0) {
    throw new UsageError(
      "ERR_IMPORT",
      `models import: ${file} is an advprop file already. To write it again use: advprop export`,
    );
  }
  checkNoInput("models import", to, [file], "file");
  const model = loadedClassifier(opened, file);
  try {
    exportWeights(model, to, { auxiliary: true });
  } finally {
    model.dispose();
  }
  return { file: to, from: file, model: specification.name, tensors: tensors.size, bytes: statSync(to).size, notes };
}
