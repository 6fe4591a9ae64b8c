/** Opens any classifier as a predictor. */
import { extname } from "node:path";
import { UsageError } from "../errors.js";
import type { DeviceName } from "../tensor/index.js";
import { localFile } from "../weights/reference.js";
import type { OnnxOptions } from "./onnx/onnx-settings.js";
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
  /** Of a download: bytes so far, and of the whole file where the server says it. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** What an ONNX file does not say of itself. */
  readonly onnx?: OnnxOptions;
}

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
