/** The list of models beside an exported page, which the page reads: how each takes a photo, and what is known of it. */
import type { EvaluationView } from "../evaluation/view.js";

/** Name of the file. */
export const WEB_MODELS = "models.json";

export interface WebModel {
  /** The ONNX file, beside the list. It takes uint8 [N, S, S, 3] as `images` and gives `logits`. */
  readonly file: string;
  readonly bytes: number;
  /** What it is called: its run's folder, or the file of its weights without the ending. */
  readonly name: string;
  /** Name of the network. */
  readonly model: string;
  /** Side of its images in pixels. */
  readonly imageSize: number;
  /** How a photo becomes one. */
  readonly view: EvaluationView;
  /** Names for people, in the order of the logits. */
  readonly classes: readonly string[];
  /** The training method, where it is known, for example "advprop". */
  readonly method?: string;
  /** Radius of the attack in training, in pixels of [0, 1]. */
  readonly epsilon?: number;
  /** As it was measured last, on clean images. */
  readonly accuracy?: {
    /** In [0, 1]. */
    readonly value: number;
    readonly images: number;
    readonly data: string;
    readonly split: string;
  };
}
