/**
 * The operations of policies whose published code uses Pillow: AutoAugment on CIFAR-10, RandAugment, TrivialAugment and AugMix.
 * They change 8-bit RGB images in place. Each is within one grey level of Pillow (test/golden/scripts/make_augmentation.py). The
 * area that an image has left is middle grey.
 */
import { type AffineInterpolation, rotation, transformAffine } from "./affine.js";
import type { RgbImage } from "./auto-augment-operations.js";
import * as operations from "./auto-augment-operations.js";

/** The effect of each operation with its value. Operations without a value have no second argument. */
const OPERATIONS = {
  Identity: () => {},
  AutoContrast: (image: RgbImage) => operations.autoContrast(image),
  Equalize: (image: RgbImage) => operations.equalize(image),
  Invert: (image: RgbImage) => operations.invert(image),
  /** Number of bits that are kept, at least one. */
  Posterize: (image: RgbImage, bits: number) => operations.posterize(image, Math.max(1, bits)),
  /** Lowest value that is inverted. */
  Solarize: (image: RgbImage, threshold: number) => operations.solarize(image, threshold),
  /** Factors. 1 gives the image itself. */
  Color: (image: RgbImage, factor: number) => operations.color(image, factor),
  Contrast: (image: RgbImage, factor: number) => operations.contrast(image, factor),
  Brightness: (image: RgbImage, factor: number) => operations.brightness(image, factor),
  Sharpness: (image: RgbImage, factor: number) => operations.sharpness(image, factor),
  /** Degrees, counterclockwise. */
  Rotate: (image: RgbImage, degrees: number, interpolation: AffineInterpolation) =>
    transformAffine(image, rotation(degrees, image), interpolation),
  /** Pixels by which a row moves to the left relative to the row above it; columns move up in the same way. */
  ShearX: (image: RgbImage, slope: number, interpolation: AffineInterpolation) =>
    transformAffine(image, [1, slope, 0, 0, 1, 0], interpolation),
  ShearY: (image: RgbImage, slope: number, interpolation: AffineInterpolation) =>
    transformAffine(image, [1, 0, 0, slope, 1, 0], interpolation),
  /** Integer number of pixels to the left, or up. */
  TranslateX: (image: RgbImage, pixels: number, interpolation: AffineInterpolation) =>
    transformAffine(image, [1, 0, Math.trunc(pixels), 0, 1, 0], interpolation),
  TranslateY: (image: RgbImage, pixels: number, interpolation: AffineInterpolation) =>
    transformAffine(image, [1, 0, 0, 0, 1, Math.trunc(pixels)], interpolation),
} as const;

export type PolicyOperationName = keyof typeof OPERATIONS;

/** An operation with its value, which is 0 where it has none. */
export interface PolicyOperation {
  readonly name: PolicyOperationName;
  readonly value: number;
}

/** Applies an operation to an image in place. */
export function applyPolicyOperation(
  image: RgbImage,
  { name, value }: PolicyOperation,
  interpolation: AffineInterpolation = "nearest",
): void {
  OPERATIONS[name](image, value, interpolation);
}
