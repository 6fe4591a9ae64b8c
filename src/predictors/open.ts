/** Opens any classifier as a predictor. */

import { extname } from "node:path";
import { UsageError } from "../errors.js";
import { localFile } from "../weights/reference.js";
import type { OpenedPredictor, OpenPredictorOptions } from "./opened.js";

/**
 * Opens a run's folder, weights of ours or of another code base (see `openWeights`), or any classifier in an ONNX file, which needs
 * no libtorch.
 *
 * @throws what `openWeights` throws, and ERR_ONNX it cannot be read
 * @throws ERR_ROUTE it has no such route; ERR_PREPROCESSING, ERR_CLASSES what an ONNX file leaves open must be said
 */
export async function openPredictor(path: string, options: OpenPredictorOptions = {}): Promise<OpenedPredictor> {
  // Each is loaded only when it is needed: whoever opens an ONNX file needs no libtorch.
  if (isOnnx(path)) {
    const [option] = [...(options.route ? ["route"] : []), ...(options.checkpoint ? ["checkpoint"] : [])];
    if (option)
      throw new UsageError("ERR_FLAG", `evaluate: \`${option}\` is for our own models; got ${path}. Leave it out`);
    const { openOnnx } = await import("./onnx/onnx-predictor.js");
    return openOnnx(await localFile(path, options), options);
  }
  if (options.onnx !== undefined && Object.keys(options.onnx).length > 0) {
    throw new UsageError("ERR_PREPROCESSING", `evaluate: \`onnx\` is for files that end in .onnx; got ${path}`);
  }
  const { openClassifier } = await import("./open-classifier.js");
  return openClassifier(path, options);
}

/** Whether a model is an ONNX file, by its name. */
export const isOnnx = (path: string): boolean => extname(path).toLowerCase() === ".onnx";
