/**
 * RandAugment (Cubuk et al. 2020, https://arxiv.org/abs/1909.13719) and the wide form of TrivialAugment (Müller and Hutter 2021,
 * https://arxiv.org/abs/2103.10158), with the magnitudes of torchvision's classes of these names.
 */
import type { KeyedRandom } from "../../random.js";
import type { RgbImage } from "./auto-augment-operations.js";
import { DIRECTED, sideOf } from "./cifar-policy.js";
import type { PolicyOperation, PolicyOperationName } from "./policy-operations.js";

/** Magnitudes are integers from 0 to this. */
export const MAX_MAGNITUDE = 30;

/** The largest value of each kind of operation. */
interface Ranges {
  readonly shear: number;
  /** Share of the side. */
  readonly translation: number;
  readonly degrees: number;
  /** Largest difference of a factor from 1. */
  readonly enhancement: number;
  /** Number of bits that posterize removes. */
  readonly bits: number;
}

/** Values of RandAugment. */
export const RAND_AUGMENT: Ranges = { shear: 0.3, translation: 150 / 331, degrees: 30, enhancement: 0.9, bits: 4 };

/** Values of TrivialAugment. Its translation of 32 pixels for any image size is used as this share of 224 pixels. */
export const TRIVIAL_AUGMENT: Ranges = { shear: 0.99, translation: 32 / 224, degrees: 135, enhancement: 0.99, bits: 6 };

const NAMES: readonly PolicyOperationName[] = [
  "Identity",
  "ShearX",
  "ShearY",
  "TranslateX",
  "TranslateY",
  "Rotate",
  "Brightness",
  "Color",
  "Contrast",
  "Sharpness",
  "Posterize",
  "Solarize",
  "AutoContrast",
  "Equalize",
];
const ENHANCEMENTS: ReadonlySet<PolicyOperationName> = new Set(["Brightness", "Color", "Contrast", "Sharpness"]);

/** An operation at a magnitude. @param sign direction of the operation, and whether an enhancement is more or less than 1 */
export function operationAt(
  name: PolicyOperationName,
  magnitude: number,
  sign: 1 | -1,
  ranges: Ranges,
  image: RgbImage,
): PolicyOperation {
  const share = magnitude / MAX_MAGNITUDE;
  if (ENHANCEMENTS.has(name)) return { name, value: 1 + sign * share * ranges.enhancement };
  if (name === "Posterize") return { name, value: 8 - Math.round(share * ranges.bits) };
  if (name === "Solarize") return { name, value: Math.ceil(255 * (1 - share)) };
  if (!DIRECTED.has(name)) return { name, value: 0 };
  if (name === "Rotate") return { name, value: sign * share * ranges.degrees };
  const most = name.startsWith("Shear") ? ranges.shear : ranges.translation * sideOf(name, image);
  return { name, value: sign * share * most };
}

const signOf = (random: KeyedRandom, draw: number): 1 | -1 => (random.uniform(draw) < 0.5 ? -1 : 1);

export interface RandAugmentOptions {
  /** Number of operations applied one after the other. */
  readonly operations: number;
  /** An integer in [0, 30], the same for all operations. */
  readonly magnitude: number;
}

/** Draws the given number of operations, all equally likely and at the same magnitude. */
export function drawRandAugment(
  image: RgbImage,
  random: KeyedRandom,
  { operations, magnitude }: RandAugmentOptions,
): PolicyOperation[] {
  return Array.from({ length: operations }, (_, i) => {
    const name = NAMES[random.integer(2 * i, NAMES.length)];
    return operationAt(name, magnitude, signOf(random, 2 * i + 1), RAND_AUGMENT, image);
  });
}

/** Draws one operation and its magnitude. */
export function drawTrivialAugment(image: RgbImage, random: KeyedRandom): PolicyOperation[] {
  const name = NAMES[random.integer(0, NAMES.length)];
  const magnitude = random.integer(1, MAX_MAGNITUDE + 1);
  return [operationAt(name, magnitude, signOf(random, 2), TRIVIAL_AUGMENT, image)];
}
