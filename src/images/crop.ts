/** Where an image is cut: windows of the classic recipes, as numbers only. */

import type { KeyedRandom } from "../random.js";
import { roundHalfEven } from "./rounding.js";

/** A window of whole pixels inside an image. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** All of an image. */
export function whole({ width, height }: Size): Region {
  return { left: 0, top: 0, width, height };
}

/** The same part of an image that was scaled: edges rounded to whole pixels, at least one pixel large. */
export function scaleRegion({ left, top, width, height }: Region, from: Size, to: Size): Region {
  const across = (x: number) => Math.round((x * to.width) / from.width);
  const down = (y: number) => Math.round((y * to.height) / from.height);
  const l = Math.min(across(left), to.width - 1);
  const t = Math.min(down(top), to.height - 1);
  return {
    left: l,
    top: t,
    width: Math.max(1, across(left + width) - l),
    height: Math.max(1, down(top + height) - t),
  };
}

/** Limits of a {@link randomResizedCrop}. */
export interface CropLimits {
  /** Least and greatest share of the image's area, in (0, 1]. */
  readonly area: readonly [number, number];
  /** Least and greatest width / height. */
  readonly aspect: readonly [number, number];
}

/** 8 % to 100 % of the area, aspect 3/4 to 4/3: Szegedy et al. 2015, section 6, https://arxiv.org/abs/1409.4842. */
export const INCEPTION_CROP: CropLimits = { area: [0.08, 1], aspect: [3 / 4, 4 / 3] };

/** Attempts before the fallback, as in TensorFlow's and torchvision's implementations. */
const ATTEMPTS = 10;

/**
 * The window of a random resized crop, as torchvision's `RandomResizedCrop.get_params` defines it: area uniform, the
 * logarithm of the aspect uniform, sides rounded (halves to even), the corner uniform among those that fit; where ten attempts do not
 * fit, the largest central window within the limits of the aspect.
 *
 * Attempt k uses the draws 4k (area), 4k + 1 (aspect), 4k + 2 (top) and 4k + 3 (left).
 */
export function randomResizedCrop(width: number, height: number, random: KeyedRandom, limits: CropLimits): Region {
  const [leastArea, greatestArea] = limits.area;
  const [leastLog, greatestLog] = limits.aspect.map(Math.log);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const draw = 4 * attempt;
    const area = width * height * (leastArea + (greatestArea - leastArea) * random.uniform(draw));
    const aspect = Math.exp(leastLog + (greatestLog - leastLog) * random.uniform(draw + 1));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = random.integer(draw + 2, height - h + 1);
    const left = random.integer(draw + 3, width - w + 1);
    return { left, top, width: w, height: h };
  }
  const [leastAspect, greatestAspect] = limits.aspect;
  const aspect = Math.min(greatestAspect, Math.max(leastAspect, width / height));
  const w = Math.max(1, Math.min(width, roundHalfEven(height * aspect)));
  const h = Math.max(1, Math.min(height, roundHalfEven(width / aspect)));
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

/** The smallest image whose published rule leaves a margin of 32 pixels. */
const PUBLISHED_SIZE = 224;

/**
 * The share of the short side that is cut out for evaluation: size / (size + 32) from 224 pixels on, the rule of the published
 * EfficientNets (tensorflow/tpu, `models/official/efficientnet/preprocessing.py` as of AdvProp's release) and 224 of 256 elsewhere;
 * below, where that margin would take half of an image of 32, the 0.875 of 224.
 */
export const defaultCropFraction = (size: number): number => (size >= PUBLISHED_SIZE ? size / (size + 32) : 0.875);

/** How an image is resized as a whole, and the square that is then cut from its middle. */
export interface CentreCrop {
  /** Size of the whole image after resizing. */
  readonly width: number;
  readonly height: number;
  /** The square, in the resized image. */
  readonly window: Region;
}

/**
 * Resize and centre crop of evaluation: the short side becomes round(size / cropFraction). The rest is as in torchvision's
 * `Resize` and `CenterCrop`: the long side keeps the aspect, rounded down; the square of `size` starts at half of what is
 * left over, rounded, halves to even.
 *
 * @param cropFraction side of the square as a share of the short side, in (0, 1]
 */
export function centreCrop(width: number, height: number, size: number, cropFraction: number): CentreCrop {
  const short = Math.round(size / cropFraction);
  const long = Math.floor((short * Math.max(width, height)) / Math.min(width, height));
  const [w, h] = width <= height ? [short, long] : [long, short];
  const start = (side: number) => roundHalfEven((side - size) / 2);
  return { width: w, height: h, window: { left: start(w), top: start(h), width: size, height: size } };
}
