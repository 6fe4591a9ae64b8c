/**
 * AutoAugment (Cubuk et al. 2019, https://arxiv.org/abs/1805.09501): applies a random pair of operations from a learned
 * policy, as the official trainer of EfficientNet and AdvProp does (tensorflow/tpu,
 * models/official/efficientnet/autoaugment.py).
 */

import type { KeyedRandom } from "../../random.js";
import type { RgbImage } from "./auto-augment-operations.js";
import * as operations from "./auto-augment-operations.js";

// Values at level 10, from `level_to_arg` and `distort_image_with_autoaugment` of the official file.
const MAX_LEVEL = 10;
const MAX_DEGREES = 30;
const MAX_SHEAR = 0.3;
/** In pixels, whatever the size of the image. */
const MAX_TRANSLATION = 250;
/** Half the side of the square, in pixels. */
const MAX_CUTOUT = 100;
const MAX_POSTERIZE_BITS = 4;
const MAX_SOLARIZE = 256;
const MAX_SOLARIZE_ADD = 110;
const MIN_ENHANCEMENT = 0.1;
const ENHANCEMENT_RANGE = 1.8;

/** A drawn operation with all of its parameters. */
export interface DrawnOperation {
  readonly name: OperationName;
  /** In [0, 10]. For operations with a direction it is negative with probability 1/2. */
  readonly level: number;
  /** Centre of a cutout as shares of height and width, in [0, 1). */
  readonly centre: readonly [number, number];
}

const share = (level: number) => level / MAX_LEVEL;
const enhancement = (level: number) => share(level) * ENHANCEMENT_RANGE + MIN_ENHANCEMENT;

/** The effect of each operation at a level. */
const OPERATIONS = {
  AutoContrast: (image: RgbImage) => operations.autoContrast(image),
  Equalize: (image: RgbImage) => operations.equalize(image),
  Invert: (image: RgbImage) => operations.invert(image),
  Posterize: (image: RgbImage, level: number) =>
    operations.posterize(image, Math.trunc(share(level) * MAX_POSTERIZE_BITS)),
  Solarize: (image: RgbImage, level: number) => operations.solarize(image, Math.trunc(share(level) * MAX_SOLARIZE)),
  SolarizeAdd: (image: RgbImage, level: number) =>
    operations.solarizeAdd(image, Math.trunc(share(level) * MAX_SOLARIZE_ADD)),
  Color: (image: RgbImage, level: number) => operations.color(image, enhancement(level)),
  Contrast: (image: RgbImage, level: number) => operations.contrast(image, enhancement(level)),
  Brightness: (image: RgbImage, level: number) => operations.brightness(image, enhancement(level)),
  Sharpness: (image: RgbImage, level: number) => operations.sharpness(image, enhancement(level)),
  Rotate: (image: RgbImage, level: number) => operations.rotate(image, share(level) * MAX_DEGREES),
  ShearX: (image: RgbImage, level: number) => operations.shearX(image, share(level) * MAX_SHEAR),
  ShearY: (image: RgbImage, level: number) => operations.shearY(image, share(level) * MAX_SHEAR),
  TranslateX: (image: RgbImage, level: number) => operations.translateX(image, share(level) * MAX_TRANSLATION),
  TranslateY: (image: RgbImage, level: number) => operations.translateY(image, share(level) * MAX_TRANSLATION),
  Cutout: (image: RgbImage, level: number, [down, right]: DrawnOperation["centre"]) => {
    const row = Math.floor(down * image.height);
    const column = Math.floor(right * image.width);
    operations.cutout(image, row, column, Math.trunc(share(level) * MAX_CUTOUT));
  },
};

export type OperationName = keyof typeof OPERATIONS;

/** Operations with a direction. Their level is negated with probability 1/2. */
const DIRECTED: ReadonlySet<OperationName> = new Set(["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY"]);

/** An operation, the probability that it is applied, and its level in [0, 10]. */
type Step = readonly [name: OperationName, probability: number, level: number];

// biome-ignore format: a table with one pair per line
/** The policy found on ImageNet: `policy_v0` of the official file. All pairs are equally likely. */
export const POLICY_V0: readonly (readonly [Step, Step])[] = [
  [["Equalize", 0.8, 1], ["ShearY", 0.8, 4]],
  [["Color", 0.4, 9], ["Equalize", 0.6, 3]],
  [["Color", 0.4, 1], ["Rotate", 0.6, 8]],
  [["Solarize", 0.8, 3], ["Equalize", 0.4, 7]],
  [["Solarize", 0.4, 2], ["Solarize", 0.6, 2]],
  [["Color", 0.2, 0], ["Equalize", 0.8, 8]],
  [["Equalize", 0.4, 8], ["SolarizeAdd", 0.8, 3]],
  [["ShearX", 0.2, 9], ["Rotate", 0.6, 8]],
  [["Color", 0.6, 1], ["Equalize", 1, 2]],
  [["Invert", 0.4, 9], ["Rotate", 0.6, 0]],
  [["Equalize", 1, 9], ["ShearY", 0.6, 3]],
  [["Color", 0.4, 7], ["Equalize", 0.6, 0]],
  [["Posterize", 0.4, 6], ["AutoContrast", 0.4, 7]],
  [["Solarize", 0.6, 8], ["Color", 0.6, 9]],
  [["Solarize", 0.2, 4], ["Rotate", 0.8, 9]],
  [["Rotate", 1, 7], ["TranslateY", 0.8, 9]],
  [["ShearX", 0, 0], ["Solarize", 0.8, 4]],
  [["ShearY", 0.8, 0], ["Color", 0.6, 4]],
  [["Color", 1, 0], ["Rotate", 0.6, 2]],
  [["Equalize", 0.8, 4], ["Equalize", 0, 8]],
  [["Equalize", 1, 4], ["AutoContrast", 0.6, 2]],
  [["ShearY", 0.4, 7], ["SolarizeAdd", 0.6, 7]],
  [["Posterize", 0.8, 2], ["Solarize", 0.6, 10]],
  [["Solarize", 0.6, 8], ["Equalize", 0.6, 1]],
  [["Color", 0.8, 6], ["Rotate", 0.4, 5]],
];

/** Number of draws of an operation: whether it is applied, its direction, and two for its position. */
const DRAWS = 4;

/** Draws the operations of an image from {@link POLICY_V0}: none, one or two, in order. */
export function drawOperations(random: KeyedRandom): DrawnOperation[] {
  const pair = POLICY_V0[random.integer(0, POLICY_V0.length)];
  return pair.flatMap(([name, probability, level], i) => {
    const draw = DRAWS * (i + 1);
    if (random.uniform(draw) >= probability) return [];
    const negated = DIRECTED.has(name) && random.uniform(draw + 1) < 0.5;
    const centre = [random.uniform(draw + 2), random.uniform(draw + 3)] as const;
    return [{ name, level: negated ? -level : level, centre }];
  });
}

/** Applies an operation to an image in place. */
export function applyOperation(image: RgbImage, { name, level, centre }: DrawnOperation): void {
  OPERATIONS[name](image, level, centre);
}

/** Augments an image in place by {@link POLICY_V0}: a pure function of the image and the key of `random`. */
export function autoAugment(image: RgbImage, random: KeyedRandom): void {
  for (const drawn of drawOperations(random)) applyOperation(image, drawn);
}
