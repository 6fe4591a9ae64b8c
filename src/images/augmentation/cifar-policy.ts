/**
 * AutoAugment's policy for CIFAR-10 (Cubuk et al. 2019, table 7, https://arxiv.org/abs/1805.09501), with the magnitudes of its
 * published code (tensorflow/models, research/autoaugment/augmentation_transforms.py).
 */
import type { KeyedRandom } from "../../random.js";
import type { RgbImage } from "./auto-augment-operations.js";
import type { PolicyOperation, PolicyOperationName } from "./policy-operations.js";

const MAX_LEVEL = 10;
const whole = (level: number, most: number) => Math.trunc((level * most) / MAX_LEVEL);
const real = (level: number, most: number) => (level * most) / MAX_LEVEL;

/** The value of each operation at a level in [0, 10], before the sign of operations with a direction is drawn. */
export const VALUE_OF_LEVEL: Readonly<Record<PolicyOperationName, (level: number, side: number) => number>> = {
  Identity: () => 0,
  AutoContrast: () => 0,
  Equalize: () => 0,
  Invert: () => 0,
  Posterize: (level) => 4 - whole(level, 4),
  Solarize: (level) => 256 - whole(level, 256),
  Color: (level) => real(level, 1.8) + 0.1,
  Contrast: (level) => real(level, 1.8) + 0.1,
  Brightness: (level) => real(level, 1.8) + 0.1,
  Sharpness: (level) => real(level, 1.8) + 0.1,
  Rotate: (level) => whole(level, 30),
  ShearX: (level) => real(level, 0.3),
  ShearY: (level) => real(level, 0.3),
  // The published 10 pixels at a side of 32, scaled to any side.
  TranslateX: (level, side) => real(level, (10 / 32) * side),
  TranslateY: (level, side) => real(level, (10 / 32) * side),
};

/** Operations whose value is negated with probability 1/2. */
export const DIRECTED: ReadonlySet<PolicyOperationName> = new Set([
  "Rotate",
  "ShearX",
  "ShearY",
  "TranslateX",
  "TranslateY",
]);

/** The side of an image along which an operation moves it. */
export const sideOf = (name: PolicyOperationName, { height, width }: RgbImage): number =>
  name === "TranslateY" ? height : width;

/** An operation, the probability that it is applied, and its level. */
type Step = readonly [name: PolicyOperationName, probability: number, level: number];

// biome-ignore format: a table with one pair per line
/** All pairs are equally likely. */
export const CIFAR10_POLICY: readonly (readonly [Step, Step])[] = [
  [["Invert", 0.1, 7], ["Contrast", 0.2, 6]],
  [["Rotate", 0.7, 2], ["TranslateX", 0.3, 9]],
  [["Sharpness", 0.8, 1], ["Sharpness", 0.9, 3]],
  [["ShearY", 0.5, 8], ["TranslateY", 0.7, 9]],
  [["AutoContrast", 0.5, 8], ["Equalize", 0.9, 2]],
  [["ShearY", 0.2, 7], ["Posterize", 0.3, 7]],
  [["Color", 0.4, 3], ["Brightness", 0.6, 7]],
  [["Sharpness", 0.3, 9], ["Brightness", 0.7, 9]],
  [["Equalize", 0.6, 5], ["Equalize", 0.5, 1]],
  [["Contrast", 0.6, 7], ["Sharpness", 0.6, 5]],
  [["Color", 0.7, 7], ["TranslateX", 0.5, 8]],
  [["Equalize", 0.3, 7], ["AutoContrast", 0.4, 8]],
  [["TranslateY", 0.4, 3], ["Sharpness", 0.2, 6]],
  [["Brightness", 0.9, 6], ["Color", 0.2, 8]],
  [["Solarize", 0.5, 2], ["Invert", 0, 3]],
  [["Equalize", 0.2, 0], ["AutoContrast", 0.6, 0]],
  [["Equalize", 0.2, 8], ["Equalize", 0.6, 4]],
  [["Color", 0.9, 9], ["Equalize", 0.6, 6]],
  [["AutoContrast", 0.8, 4], ["Solarize", 0.2, 8]],
  [["Brightness", 0.1, 3], ["Color", 0.7, 0]],
  [["Solarize", 0.4, 5], ["AutoContrast", 0.9, 3]],
  [["TranslateY", 0.9, 9], ["TranslateY", 0.7, 9]],
  [["AutoContrast", 0.9, 2], ["Solarize", 0.8, 3]],
  [["Equalize", 0.8, 8], ["Invert", 0.1, 3]],
  [["TranslateY", 0.7, 9], ["AutoContrast", 0.9, 1]],
];

/** Draws the operations of an image: none, one or two, in order. */
export function drawCifarOperations(image: RgbImage, random: KeyedRandom): PolicyOperation[] {
  const pair = CIFAR10_POLICY[random.integer(0, CIFAR10_POLICY.length)];
  return pair.flatMap(([name, probability, level], i) => {
    const draw = 1 + 2 * i;
    if (random.uniform(draw) >= probability) return [];
    const value = VALUE_OF_LEVEL[name](level, sideOf(name, image));
    return [{ name, value: DIRECTED.has(name) && random.uniform(draw + 1) < 0.5 ? -value : value }];
  });
}
