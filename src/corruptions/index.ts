/**
 * The corruptions of ImageNet-C and CIFAR-10-C (Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261) on 8-bit
 * images in memory: the fifteen of the benchmark and the four extra ones.
 */

import { didYouMean, UsageError } from "../errors.js";
import type { RawImage } from "../images/resize.js";
import { checkSeed } from "../random.js";
import { noteRegistered } from "../registered-parts.js";
import { defocusBlur, gaussianBlur, glassBlur, zoomBlur } from "./blur.js";
import type { Corruption } from "./corruption.js";
import { contrast, jpegCompression, pixelate, saturate } from "./digital.js";
import { Draws } from "./draws.js";
import { elasticTransform } from "./elastic.js";
import { motionBlur } from "./motion-blur.js";
import { gaussianNoise, impulseNoise, shotNoise, speckleNoise } from "./noise.js";
import { parametersFor } from "./operations/scaling.js";
import { type CorruptionName, type Parameters, SEVERITY_TABLES, type TableName } from "./severity-tables.js";
import { spatter } from "./spatter.js";
import { brightness, fog, frost, frostOf, snow } from "./weather.js";

export type { CorruptionName, TableName } from "./severity-tables.js";

/** The fifteen corruptions of the benchmark, in the published order. */
export const CORRUPTIONS = [
  "gaussian_noise",
  "shot_noise",
  "impulse_noise",
  "defocus_blur",
  "glass_blur",
  "motion_blur",
  "zoom_blur",
  "snow",
  "frost",
  "fog",
  "brightness",
  "contrast",
  "elastic_transform",
  "pixelate",
  "jpeg_compression",
] as const satisfies readonly CorruptionName[];

/** The four extra corruptions, published for validation. They do not count in the mean corruption error. */
export const EXTRA_CORRUPTIONS = [
  "speckle_noise",
  "gaussian_blur",
  "spatter",
  "saturate",
] as const satisfies readonly CorruptionName[];

export const SEVERITIES = [1, 2, 3, 4, 5] as const;

/** All nineteen in the published order. The index of a corruption is part of the key of its draws. */
export const PUBLISHED: readonly CorruptionName[] = [...CORRUPTIONS, ...EXTRA_CORRUPTIONS];

const FUNCTIONS: { readonly [K in CorruptionName]: Corruption<K> } = {
  gaussian_noise: gaussianNoise,
  shot_noise: shotNoise,
  impulse_noise: impulseNoise,
  defocus_blur: defocusBlur,
  glass_blur: glassBlur,
  motion_blur: motionBlur,
  zoom_blur: zoomBlur,
  snow,
  frost,
  fog,
  brightness,
  contrast,
  elastic_transform: elasticTransform,
  pixelate,
  jpeg_compression: jpegCompression,
  speckle_noise: speckleNoise,
  gaussian_blur: gaussianBlur,
  spatter,
  saturate,
};

/**
 * A user-defined corruption: turns an image of at least 16 x 16 pixels into corrupted pixels (H, W, 3).
 *
 * @param severity 1 .. 5
 * @param draws the only source of randomness, keyed by (seed, name, severity, sample)
 */
export type OwnCorruption = (image: RawImage, severity: number, draws: Draws) => Uint8Array;

const OWN = new Map<string, OwnCorruption>();

/**
 * Adds a user-defined corruption, so that {@link corrupt} and `corruptedDataset` know its name. It does not count in any mean
 * of ImageNet-C. Worker threads write sets on disk. They need a file that registers the corruption, loaded with `loadParts`.
 *
 * @throws UsageError ERR_CORRUPTION the name is taken, or the corruption is no function
 */
export function registerCorruption(name: string, corruption: OwnCorruption): void {
  if (OWN.has(name) || PUBLISHED.some((known) => known === name)) {
    throw new UsageError(
      "ERR_CORRUPTION",
      `registerCorruption: a corruption named ${name} exists already. Choose another name`,
    );
  }
  if (typeof corruption !== "function") {
    throw new UsageError("ERR_CORRUPTION", `registerCorruption: ${name} must be a function; got ${typeof corruption}`);
  }
  noteRegistered("corruption", name);
  OWN.set(name, corruption);
}

/**
 * Part of the key of a corruption's draws: the index of a published corruption. For a user-defined one it is the 32-bit FNV-1a
 * hash of its name, raised to at least 1000.
 */
function keyOf(name: string): number {
  const index = (PUBLISHED as readonly string[]).indexOf(name);
  if (index >= 0) return index;
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Math.max(hash, 1000);
}

/** The smallest side of an image. The largest offsets and blocks do not fit into smaller ones. */
const MINIMUM_SIDE = 16;

export interface CorruptOptions {
  /** By default 0. */
  readonly seed?: number;
  /** Identity of the image: part of the key of its draws. By default 0; give each image of a set its own. */
  readonly sample?: number;
  /** The published set whose parameters are used; by default the one made for the nearest image size (`scaling.ts`). */
  readonly table?: TableName;
  /** Photographs from which frost takes its windows, as published; by default textures made by program. */
  readonly frostTextures?: readonly RawImage[];
}

/**
 * A corrupted copy of an image. The draws are keyed by (seed, corruption, severity, sample). So the result does not depend
 * on which other images are corrupted, on which thread or in which order.
 *
 * At the published sizes (224, 64 and 32 pixels) this is exactly the published definition, which truncates its result to 8
 * bits. The exception is frost, which has other textures unless photographs are given. For other sizes see `scaling.ts`.
 * Severity is not a strict order: for several corruptions a higher severity is nearer to the clean image.
 *
 * @param pixels (H, W, 3) uint8, not changed
 * @param severity 1 .. 5
 * @returns (H, W, 3) uint8
 * @throws UsageError ERR_CORRUPTION where the corruption or the table is unknown
 * @throws UsageError ERR_SEVERITY where the severity is not 1 .. 5
 * @throws UsageError ERR_IMAGE_SIZE where the pixels are not height * width * 3 bytes or a side is under 16 pixels
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function corrupt(
  pixels: Uint8Array,
  height: number,
  width: number,
  name: CorruptionName | (string & {}),
  severity: number,
  { seed = 0, sample = 0, table, frostTextures }: CorruptOptions = {},
): Uint8Array {
  const own = OWN.get(name);
  checkCorruption(name, severity);
  checkSeed(seed, "corrupt");
  if (pixels.length !== height * width * 3 || Math.min(height, width) < MINIMUM_SIDE) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `corrupt: pixels must be height * width * 3 bytes (H, W, 3) of an image of at least ${MINIMUM_SIDE} x ${MINIMUM_SIDE}; ` +
        `got ${pixels.length} bytes for ${height} x ${width}.`,
    );
  }
  if (table !== undefined && !(table in SEVERITY_TABLES)) {
    const known = Object.keys(SEVERITY_TABLES);
    throw new UsageError(
      "ERR_CORRUPTION",
      `corrupt: table must be one of ${known.join(", ")}; got ${table}.${didYouMean(table, known)}`,
    );
  }
  const image = { pixels, height, width };
  const draws = new Draws(seed, keyOf(name), severity, sample);
  // A copy: an own corruption may write into its image.
  if (own !== undefined) {
    return checkedBytes(name, own({ ...image, pixels: pixels.slice() }, severity, draws), pixels.length);
  }
  return apply(name, image, parametersFor(name, severity, Math.min(height, width), table), draws, frostTextures);
}

/** @throws UsageError ERR_CORRUPTION a registered corruption did not return the pixels of an image of the same size */
function checkedBytes(name: string, result: unknown, length: number): Uint8Array {
  if (result instanceof Uint8Array && result.length === length) return result;
  const got = result instanceof Uint8Array ? `${result.length} bytes` : typeof result;
  throw new UsageError("ERR_CORRUPTION", `corrupt: ${name} must return a Uint8Array of ${length} bytes; got ${got}.`);
}

/**
 * Checks the name and the severity of a corruption.
 *
 * @throws UsageError ERR_CORRUPTION, ERR_SEVERITY
 */
export function checkCorruption(name: string, severity: number): asserts name is CorruptionName {
  const known: readonly string[] = [...PUBLISHED, ...OWN.keys()];
  if (!known.includes(name)) {
    throw new UsageError(
      "ERR_CORRUPTION",
      `corrupt: name must be one of ${known.join(", ")}; got ${name}.${didYouMean(name, known)}`,
    );
  }
  if (!Number.isInteger(severity) || severity < 1 || severity > 5) {
    throw new UsageError("ERR_SEVERITY", `corrupt: severity must be an integer from 1 to 5; got ${severity}.`);
  }
}

function apply<K extends CorruptionName>(
  name: K,
  image: RawImage,
  parameters: Parameters[K],
  draws: Draws,
  frostTextures: readonly RawImage[] | undefined,
): Uint8Array {
  const functions = frostTextures === undefined ? FUNCTIONS : { ...FUNCTIONS, frost: frostOf(frostTextures) };
  const corruption: Corruption<K> = functions[name];
  return corruption(image, parameters, draws);
}
