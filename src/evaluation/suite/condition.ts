/** The conditions of a suite. Each is a set of images and a change of these images or of the model before classification. */

import { CORRUPTIONS, corrupt, SEVERITIES } from "../../corruptions/index.js";
import { MADE_TEXTURES } from "../../corruptions/operations/frost-texture.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { RawImage } from "../../images/resize.js";
import { blackBoxSquare } from "../black-box.js";
import type { Predictor } from "../predictor.js";
import { changed, type SuiteImages } from "./images.js";

/** A condition under which any model can be measured. */
export interface Condition {
  /** Unique in the suite: "clean", "fog/3", "stylised", "pgd-10/4". */
  readonly id: string;
  /** Everything besides the model and the images that its results depend on. It is part of the key under which they are saved. */
  readonly protocol: Readonly<Record<string, unknown>>;
  /** Indices of its images among those of the suite; all where undefined. */
  readonly indices?: Uint32Array;
  /** The attack on the model, if any. */
  readonly attack?: AttackDescription;
  /** The corruption of its images, if any. */
  readonly corruption?: CorruptionDescription;
  /** Approximate number of passes through the network for one image, for the estimated time. */
  readonly passes: number;
  batches(): AsyncIterable<PixelBatch>;
  /** The model under this condition, for instance under attack; undefined where this model cannot be measured under it. */
  predictorFor(model: Predictor): Predictor<PixelBatch> | undefined;
}

export interface AttackDescription {
  readonly name: string;
  /** L-infinity radius, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Whether it uses the model's gradients, or only its outputs. */
  readonly access: "white-box" | "black-box";
}

export interface CorruptionDescription {
  readonly name: string;
  readonly severity: number;
  /** The images at some ascending indices, for pictures. */
  at(indices: Uint32Array): AsyncIterable<PixelBatch>;
}

/** The id of a corruption at a severity. */
export const corruptionId = (corruption: string, severity: number): string => `${corruption}/${severity}`;

export const CLEAN = "clean";
export const STYLISED = "stylised";

/** The condition of unchanged images. */
export const cleanCondition = (images: SuiteImages): Condition => ({
  id: CLEAN,
  protocol: {},
  passes: 1,
  batches: () => images.batches(),
  predictorFor: (model) => model,
});

/** Photographs from which frost takes its windows, and the SHA-256 over all of them. */
export interface FrostPhotographs {
  readonly textures: readonly RawImage[];
  readonly digest: string;
}

/** The seventy-five conditions of the fifteen corruptions. They are applied in memory with draws keyed by seed and image. */
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

/** The condition of the same images with other textures, in the same order. */
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

/** Square Attack on the images at some indices. It needs only outputs, so that it works for any model. */
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
