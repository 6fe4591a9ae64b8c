/** Opens any classifier as a predictor. */

import { extname } from "node:path";
import { checkText, UsageError } from "../errors.js";
import { localFile } from "../weights/reference.js";
import type { OpenedPredictor, OpenPredictorOptions } from "./opened.js";

/**
 * Opens a run's folder, weights of advprop or of another code base (see `openWeights`), or any classifier in an ONNX file. An ONNX
 * file needs no libtorch.
 *
 * @throws ERR_ARGUMENT the path is not text; what `openWeights` throws; ERR_ONNX the ONNX file cannot be read
 * @throws ERR_FLAG an option is not for ONNX files; ERR_ROUTE the model has no such route; ERR_PREPROCESSING, ERR_CLASSES a setting of an
 *   ONNX file is missing or wrong
 */
export async function openPredictor(path: string, options: OpenPredictorOptions = {}): Promise<OpenedPredictor> {
  // Each module is loaded only when it is needed, because an ONNX file needs no libtorch.
  checkApplies(path, options);
  if (isOnnx(path)) {
    const { openOnnx } = await import("./onnx/onnx-predictor.js");
    return openOnnx(await localFile(path, options), options);
  }
  const { openClassifier } = await import("./open-classifier.js");
  return openClassifier(path, options);
}

/** The options that are only for our own models. ONNX Runtime runs on the CPU, in the number format of the file. */
const OF_OUR_MODELS = ["route", "checkpoint", "device", "precision", "memoryLimit"] as const;

/** @throws ERR_FLAG, ERR_PREPROCESSING an option has no effect on this kind of model */
export function checkApplies(path: string, options: OpenPredictorOptions): void {
  const option = isOnnx(path) ? OF_OUR_MODELS.find((name) => options[name] !== undefined) : undefined;
  if (option !== undefined) {
    throw new UsageError("ERR_FLAG", `\`${option}\` does not apply to an ONNX file; got ${path}. Leave it out`);
  }
  if (!isOnnx(path) && Object.keys(options.onnx ?? {}).length > 0) {
    throw new UsageError("ERR_PREPROCESSING", `\`onnx\` is for files that end in .onnx; got ${path}. Leave it out`);
  }
}

/** Whether the name of a model is that of an ONNX file. @throws ERR_ARGUMENT it is not text */
export function isOnnx(model: string): boolean {
  checkText(model, "the model, a run's folder or the path or address of a file,");
  return extname(model).toLowerCase() === ".onnx";
}
