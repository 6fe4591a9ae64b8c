/** The types of opened predictors. */

import { basename, resolve } from "node:path";
import type { Predictor } from "../evaluation/predictor.js";
import type { EvaluationView } from "../evaluation/view.js";
import type { Classifier } from "../models/classifier.js";
import type { DeviceName } from "../tensor/index.js";
import type { InputFormat } from "./onnx/onnx-input.js";
import type { OnnxOptions } from "./onnx/onnx-settings.js";

interface Opened extends Predictor {
  /** The name in tables: the run's folder, or the file without its extension. */
  readonly name: string;
  /** The weights file. */
  readonly file: string;
  /** The run's folder, if the model is a run. */
  readonly run: string | undefined;
  /** What was recognised and chosen when the model was opened, as sentences for the user. */
  readonly notes: readonly string[];
  /** How photos are resized and cropped for the model. */
  readonly view: EvaluationView;
  /** Whether the model's file records `view`. If not, `view` is the default of the versions that did not record it. */
  readonly viewRecorded: boolean;
  /** Frees the memory; the predictor cannot be used after that. */
  close(): Promise<void>;
}

/** One of our models. It gives gradients, so every attack is possible. */
export interface WhiteBoxPredictor extends Opened {
  readonly access: "white-box";
  readonly classifier: Classifier;
  /** The batch norm route that it uses. */
  readonly route: string;
}

/** An ONNX model. It gives only outputs, so only black-box attacks are possible. */
export interface BlackBoxPredictor extends Opened {
  readonly access: "black-box";
  /** How pixels become the model's input. */
  readonly format: InputFormat;
  /** The kind of output. If it is probabilities, their logarithms serve as logits. */
  readonly output: "logits" | "probabilities";
}

export type OpenedPredictor = WhiteBoxPredictor | BlackBoxPredictor;

/** The name of a model in tables: its run's folder, or its file without the extension of its format. Other dots are part of the name. */
export const modelName = (path: string): string =>
  basename(resolve(path)).replace(/\.(safetensors|onnx|pth\.tar|pth|pt|th)$/i, "");

export interface OpenPredictorOptions {
  /** For a run folder: last, best or the step of a kept checkpoint; by default best if there is one, else last. */
  readonly checkpoint?: string;
  /** The batch norm route of one of our models; by default main. */
  readonly route?: string;
  /** Threads per operator, for the whole process; by default 0, all cores. */
  readonly threads?: number;
  /** Number format of the activations of our models; by default fp32. */
  readonly precision?: "fp32" | "bf16";
  /** Device of our models: auto (the default), cpu, cuda or cuda:N. */
  readonly device?: DeviceName;
  /** Largest memory for all tensors of the process, in bytes. */
  readonly memoryLimit?: number;
  /** Called during a download with the bytes so far, and the size of the file if the server gives it. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** Settings that an ONNX file does not contain. */
  readonly onnx?: OnnxOptions;
}
