/** What the page and the worker that classifies say to each other. */
import type { Prediction } from "../../evaluation/classes/most-probable.js";
import type { WebModel } from "../../runs/web-models.js";
import type { Severities } from "./corruptions.js";

export type Request =
  /** Loads the models of the page at an address. */
  | { readonly type: "open"; readonly page: string }
  /** Decodes a photo, which takes the place of the one before. */
  | { readonly type: "photo"; readonly photo: File }
  /** Classifies the photo under corruptions. */
  | { readonly type: "classify"; readonly severities: Severities };

/** What a model says of a photo. */
export interface Answer {
  /** The most probable classes, the most probable first. */
  readonly predictions: readonly Prediction[];
  /** What the network alone took. */
  readonly milliseconds: number;
  /** What it was shown, as one of the views. */
  readonly view: number;
}

/** The square that one or more models are shown. */
export interface View {
  readonly side: number;
  /** (side, side, 3) */
  readonly pixels: Uint8Array;
}

export interface Result {
  /** Different squares; models of the same size and crop see the same. */
  readonly views: readonly View[];
  /** One of each model. */
  readonly answers: readonly Answer[];
}

export type Response =
  | { readonly type: "models"; readonly models: readonly WebModel[] }
  | { readonly type: "opened" }
  | { readonly type: "decoded" }
  | { readonly type: "classified"; readonly result: Result }
  /** The request has no other answer. */
  | { readonly type: "failed"; readonly message: string };
