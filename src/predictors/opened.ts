/** What an opened predictor is, beside its answers. */

import { basename, resolve } from "node:path";
import type { Predictor } from "../evaluation/predictor.js";
import type { EvaluationView } from "../evaluation/view.js";
import type { Classifier } from "../models/classifier.js";
import type { DeviceName } from "../tensor/index.js";
import type { InputFormat } from "./onnx/onnx-input.js";
import type { OnnxOptions } from "./onnx/onnx-settings.js";

interface Opened extends Predictor {
  /** What it is called in tables: the run's folder, or the file without its extension. */
  readonly name: string;
  /** The file of its weights. */
  readonly file: string;
  /** The run's folder where it is one. */
  readonly run: string | undefined;
  /** What was recognised and chosen when it was opened, for the user: sentences. */
  readonly notes: readonly string[];
  /** How photos become its images. */
  readonly view: EvaluationView;
  /** Whether its file says so; where it does not, `view` is the rule from before rules were recorded. */
  readonly viewRecorded: boolean;
  /** Frees its memory; it answers no more. */
  close(): Promise<void>;
}

/** One of our models: gradients flow through it, so every attack can be made on it. */
export interface WhiteBoxPredictor extends Opened {
  readonly access: "white-box";
  readonly classifier: Classifier;
  /** The batch norms that it goes through. */
  readonly route: string;
}

/** An ONNX model: it only answers, so that only attacks that ask for answers can be made on it. */
export interface BlackBoxPredictor extends Opened {
  readonly access: "black-box";
  /** How pixels become its input. */
  readonly format: InputFormat;
  /** What the file gives; the logits of probabilities are their logarithms. */
  readonly output: "logits" | "probabilities";
}

export type OpenedPredictor = WhiteBoxPredictor | BlackBoxPredictor;

/** What a model is called in tables: its run's folder, or its file without the ending of its format. Other dots are part of a name. */
export const modelName = (path: string): string =>
  basename(resolve(path)).replace(/\.(safetensors|onnx|pth\.tar|pth|pt|th)$/i, "");

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
