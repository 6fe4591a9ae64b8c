/** What a suite measures: a list of cells, each some images and how a model is asked about them. */
import { CORRUPTIONS, corrupt, SEVERITIES } from "../../corruptions/index.js";
import type { PixelBatch } from "../../data/loader.js";
import type { Predictor } from "../predictor.js";
import { changed, type SuiteImages } from "./images.js";

/** One measurement, of any model. */
export interface Cell<P extends Predictor = Predictor> {
  /** Unique in the suite: "clean", "fog/3", "stylised", "pgd-10/4". */
  readonly id: string;
  /** All that its numbers depend on beside the model and the images; part of the key under which they are saved. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** Places of its images among those of the suite; all where undefined. */
  readonly places?: Uint32Array;
  /** The attack that the model is under, where it is. */
  readonly attack?: AttackDescription;
  /** Passes through the network for an image, roughly, for the time left. */
  readonly passes: number;
  batches(): AsyncIterable<PixelBatch>;
  /** The model as it is asked, for instance attacked first; undefined where this model cannot be measured so. */
  asked(model: P): Predictor | undefined;
}

export interface AttackDescription {
  readonly name: string;
  /** L-infinity radius, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Whether it uses the model's gradients, or only its answers. */
  readonly access: "white-box" | "black-box";
}

/** The id of a corruption at a severity. */
export const corruptionId = (corruption: string, severity: number): string => `${corruption}/${severity}`;

export const CLEAN = "clean";
export const STYLISED = "stylised";

/** The cell of the images as they are. */
export const cleanCell = (images: SuiteImages): Cell => ({
  id: CLEAN,
  protocol: {},
  passes: 1,
  batches: () => images.batches(),
  asked: (model) => model,
});

/** The seventy-five cells of the fifteen corruptions, applied in memory by draws keyed by seed and image. */
export function corruptionCells(images: SuiteImages, seed: number): Cell[] {
  return CORRUPTIONS.flatMap((name) =>
    SEVERITIES.map((severity) => ({
      id: corruptionId(name, severity),
      protocol: { corruption: name, severity, seed, parameters: "by image size" },
      passes: 2,
      batches: () =>
        changed(images.batches(), (pixels, { height, width }, sample) =>
          corrupt(pixels, height, width, name, severity, { seed, sample }),
        ),
      asked: (model: Predictor) => model,
    })),
  );
}

/** The cell of the images with other textures, the same images in the same order. */
export const stylisedCell = (protocol: Cell["protocol"], batches: () => AsyncIterable<PixelBatch>): Cell => ({
  id: STYLISED,
  protocol,
  passes: 2,
  batches,
  asked: (model) => model,
});
