/** Opens any classifier as a predictor. */
import { resolveModel } from "../runs/model-argument.js";
import type { OpenedPredictor } from "./opened.js";

export interface OpenPredictorOptions {
  /** Of a run folder: last, best or the step of a kept checkpoint; by default best where there is one, else last. */
  readonly checkpoint?: string;
  /** The batch norms that one of our models goes through, by default main. */
  readonly route?: string;
  /** Threads in an operator, 0 (the default) for all cores. */
  readonly threads?: number;
  /** Most bytes for the tensors of our models. */
  readonly memoryLimit?: number;
}

/**
 * Opens a run's folder or a safetensors file of ours.
 *
 * @throws ERR_WEIGHTS_MISSING, ERR_SAFETENSORS, ERR_WEIGHTS, ERR_RUN_MISSING, ERR_RUN_SCHEMA, ERR_CHECKPOINT it cannot be
 *   read; ERR_ROUTE it has no such route
 */
export async function openPredictor(path: string, options: OpenPredictorOptions = {}): Promise<OpenedPredictor> {
  const model = resolveModel("evaluate", path, options.checkpoint);
  // Loaded only now: whoever opens an ONNX file needs no libtorch.
  const { openClassifier } = await import("./open-classifier.js");
  return openClassifier(model, options);
}
