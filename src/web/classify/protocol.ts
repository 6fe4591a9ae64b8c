/** The messages between the page and the worker that classifies. */
import type { Prediction } from "../../evaluation/classes/most-probable.js";
import type { WebModel } from "../../runs/web-models.js";
import type { Severities } from "./corruptions.js";

export type Request =
  /** Loads the models of the page at this address. */
  | { readonly type: "open"; readonly page: string }
  /** Decodes a photo, which replaces the previous one. */
  | { readonly type: "photo"; readonly photo: File }
  /** Classifies the photo under corruptions. */
  | { readonly type: "classify"; readonly severities: Severities };

/** The result of a model for a photo. */
export interface Answer {
  /** The most probable classes, the most probable first. */
  readonly predictions: readonly Prediction[];
  /** Time of the network, without decoding and corruption. */
  readonly milliseconds: number;
  /** Index of the view that the model classified. */
  readonly view: number;
}

/** The square that one or more models classify. */
export interface View {
  readonly side: number;
  /** (side, side, 3) */
  readonly pixels: Uint8Array;
}

export interface Result {
  /** The different squares; models of the same size and crop share one. */
  readonly views: readonly View[];
  /** One answer per model. */
  readonly answers: readonly Answer[];
}

export type Response =
  | { readonly type: "models"; readonly models: readonly WebModel[] }
  | { readonly type: "opened" }
  | { readonly type: "decoded" }
  | { readonly type: "classified"; readonly result: Result }
  /** The request has no other answer. */
  | { readonly type: "failed"; readonly message: string };
