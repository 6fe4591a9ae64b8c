/** What a suite measures: a list of conditions, each some images and what is done to them before a model classifies them. */

import { CORRUPTIONS, corrupt, SEVERITIES } from "../../corruptions/index.js";
import { MADE_TEXTURES } from "../../corruptions/operations/frost-texture.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { RawImage } from "../../images/resize.js";
import { blackBoxSquare } from "../black-box.js";
import type { Predictor } from "../predictor.js";
import { changed, type SuiteImages } from "./images.js";

/** One measurement, of any model. */
export interface Condition {
  /** Unique in the suite: "clean", "fog/3", "stylised", "pgd-10/4". */
  readonly id: string;
  /** All that its numbers depend on beside the model and the images; part of the key under which they are saved. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** Places of its images among those of the suite; all where undefined. */
  readonly indices?: Uint32Array;
  /** The attack that the model is under, where it is. */
  readonly attack?: AttackDescription;
  /** The corruption of its images, where they have one. */
  readonly corruption?: CorruptionDescription;
  /** Passes through the network for an image, roughly, for the time left. */
  readonly passes: number;
  batches(): AsyncIterable<PixelBatch>;
  /** The model under this condition, for instance attacked first; undefined where this model cannot be measured so. */
  predictorFor(model: Predictor): Predictor<PixelBatch> | undefined;
}

export interface AttackDescription {
  readonly name: string;
  /** L-infinity radius, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Whether it uses the model's gradients, or only its answers. */
  readonly access: "white-box" | "black-box";
}

export interface CorruptionDescription {
  readonly name: string;
  readonly severity: number;
  /** The images at some indices, ascending, for pictures. */
  at(indices: Uint32Array): AsyncIterable<PixelBatch>;
}

/** The id of a corruption at a severity. */
export const corruptionId = (corruption: string, severity: number): string => `${corruption}/${severity}`;

export const CLEAN = "clean";
export const STYLISED = "stylised";

/** The condition of the images as they are. */
export const cleanCondition = (images: SuiteImages): Condition => ({
  id: CLEAN,
  protocol: {},
  passes: 1,
  batches: () => images.batches(),
  predictorFor: (model) => model,
});

/** Photographs that frost takes its windows of, and the SHA-256 of all of them. */
export interface FrostPhotographs {
  readonly textures: readonly RawImage[];
  readonly digest: string;
}

/** The seventy-five conditions of the fifteen corruptions, applied in memory by draws keyed by seed and image. */
export function corruptionConditions(images: SuiteImages, seed: number, photographs?: FrostPhotographs): Condition[] {
  return CORRUPTIONS.flatMap((name) =>
    SEVERITIES.map((severity): Condition => {
      const frost = name === "frost" ? (photographs ?? { digest: MADE_TEXTURES, textures: undefined }) : undefined;
      const corrupted = (batches: AsyncIterable<PixelBatch>) =>
        changed(batches, (pixels, { height, width }, sample) =>
          corrupt(pixels, height, width, name, severity, { seed, sample, frostTextures: frost?.textures }),
        );
      const protocol = { corruption: name, severity, seed, parameters: "by image size" };
      return {
        id: corruptionId(name, severity),
        protocol: frost === undefined ? protocol : { ...protocol, textures: frost.digest },
        corruption: { name, severity, at: (indices) => corrupted(images.batches(indices)) },
        passes: 2,
        batches: () => corrupted(images.batches()),
        predictorFor: (model) => model,
      };
    }),
  );
}

/** The condition of the images with other textures, the same images in the same order. */
export const stylisedCondition = (
  protocol: Condition["protocol"],
  batches: () => AsyncIterable<PixelBatch>,
): Condition => ({
  id: STYLISED,
  protocol,
  passes: 2,
  batches,
  predictorFor: (model) => model,
});

/** Radii of the curve of accuracy over epsilon. */
export const SWEPT_EPSILONS: readonly number[] = [1 / 255, 2 / 255, 4 / 255, 8 / 255];

const SQUARE_EPSILON = 8 / 255;
const SQUARE_QUERIES = 1000;

/** Square Attack on the images at some indices, which any model can be given: it asks for answers alone. */
export function squareCondition(images: SuiteImages, indices: Uint32Array, seed: number): Condition {
  const options = { norm: "linf", epsilon: SQUARE_EPSILON, queries: SQUARE_QUERIES, seed } as const;
  return {
    id: "square/8",
    protocol: { attack: "square", ...options },
    indices,
    attack: { name: `Square, ${SQUARE_QUERIES} queries`, epsilon: SQUARE_EPSILON, access: "black-box" },
    passes: SQUARE_QUERIES,
    batches: () => images.batches(indices),
    predictorFor: (model) => ({
      classes: model.classes,
      imageSize: model.imageSize,
      logits: async (batch: PixelBatch) => {
        const adversarial = await blackBoxSquare(model, options).perturb(batch);
        return model.logits({ ...batch, pixels: Uint8Array.from(adversarial, (value) => Math.round(255 * value)) });
      },
    }),
  };
}
