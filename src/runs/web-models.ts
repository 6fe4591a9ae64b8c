/** The list of models for an exported page: the input of each model, and known facts about it. */
import type { EvaluationView } from "../evaluation/view.js";

/** Name of the file. */
export const WEB_MODELS = "models.json";

export interface WebModel {
  /** The ONNX file, beside the list. It takes uint8 [N, S, S, 3] as `images` and gives `logits`. */
  readonly file: string;
  readonly bytes: number;
  /** The name of the run's folder, or of the weights file without its extension. */
  readonly name: string;
  /** Name of the network. */
  readonly model: string;
  /** Side of its images in pixels. */
  readonly imageSize: number;
  /** How a photo is turned into an input image. */
  readonly view: EvaluationView;
  /** Names to display, in the order of the logits. */
  readonly classes: readonly string[];
  /** The training method if known, for example "advprop". */
  readonly method?: string;
  /** Radius of the attack in training, in pixels of [0, 1]. */
  readonly epsilon?: number;
  /** The norm of `epsilon`; absent for L-infinity. */
  readonly norm?: "l2";
  /** Accuracy of the last evaluation on clean images. */
  readonly accuracy?: {
    /** In [0, 1]. */
    readonly value: number;
    readonly images: number;
    readonly data: string;
    readonly split: string;
  };
}
