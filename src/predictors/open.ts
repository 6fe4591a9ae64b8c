/** Opens any classifier as a predictor. */
import { extname } from "node:path";
import { UsageError } from "../errors.js";
import { resolveModel } from "../runs/model-argument.js";
import type { DeviceName } from "../tensor/index.js";
import type { OnnxOptions } from "./onnx-settings.js";
import type { OpenedPredictor } from "./opened.js";

export interface OpenPredictorOptions {
  /** Of a run folder: last, best or the step of a kept checkpoint; by default best where there is one, else last. */
  readonly checkpoint?: string;
  /** The batch norms that one of our models goes through, by default main. */
  readonly route?: string;
  /** Threads in an operator, 0 (the default) for all cores. */
  readonly threads?: number;
  /** Of the activations of our models: fp32 unless given. */
  readonly precision?: "fp32" | "bf16";
  /** Where our models compute: auto (the default), cpu, cuda or cuda:N. */
  readonly device?: DeviceName;
  /** Most bytes for the tensors of our models. */
  readonly memoryLimit?: number;
  /** What an ONNX file does not say of itself. */
  readonly onnx?: OnnxOptions;
}

/**
 * Opens a run's folder, a safetensors file of ours, or any classifier in an ONNX file, which needs no libtorch.
 *
 * @throws ERR_WEIGHTS_MISSING, ERR_SAFETENSORS, ERR_WEIGHTS, ERR_RUN_MISSING, ERR_RUN_SCHEMA, ERR_CHECKPOINT, ERR_ONNX it
 *   cannot be read
 * @throws ERR_ROUTE it has no such route; ERR_PREPROCESSING, ERR_CLASSES what an ONNX file leaves open must be said
 */
export async function openPredictor(path: string, options: OpenPredictorOptions = {}): Promise<OpenedPredictor> {
  // Each is loaded only when it is needed: whoever opens an ONNX file needs no libtorch.
  if (isOnnx(path)) {
    const [flag] = [...(options.route ? ["--route"] : []), ...(options.checkpoint ? ["--checkpoint"] : [])];
    if (flag) throw new UsageError("ERR_FLAG", `evaluate: ${flag} is for our own models; got ${path}. Leave it out`);
    const { openOnnx } = await import("./onnx-predictor.js");
    return openOnnx(path, options);
  }
  if (options.onnx !== undefined && Object.keys(options.onnx).length > 0) {
    throw new UsageError("ERR_PREPROCESSING", `evaluate: --onnx is for files that end in .onnx; got ${path}`);
  }
  const model = resolveModel("evaluate", path, options.checkpoint);
  const { openClassifier } = await import("./open-classifier.js");
  return openClassifier(model, options);
}

/** Whether a model is an ONNX file, by its name. */
export const isOnnx = (path: string): boolean => extname(path).toLowerCase() === ".onnx";
