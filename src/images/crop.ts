/** The windows of the usual crops, as numbers only. */

import type { KeyedRandom } from "../random.js";
import { roundHalfEven } from "./rounding.js";

/** A window inside of an image, in whole pixels. */
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

/** The window that covers an image. */
export function whole({ width, height }: Size): Region {
  return { left: 0, top: 0, width, height };
}

/** A window after the image was scaled. Edges are rounded to whole pixels, and each side is at least one pixel. */
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
  /** Smallest and largest share of the image's area, in (0, 1]. */
  readonly area: readonly [number, number];
  /** Smallest and largest width / height. */
  readonly aspect: readonly [number, number];
}

/** 8 % to 100 % of the area, aspect 3/4 to 4/3: Szegedy et al. 2015, section 6, https://arxiv.org/abs/1409.4842. */
export const INCEPTION_CROP: CropLimits = { area: [0.08, 1], aspect: [3 / 4, 4 / 3] };

/** Number of attempts before the fallback, as in TensorFlow and torchvision. */
const ATTEMPTS = 10;

/**
 * The window of a random resized crop, as torchvision's `RandomResizedCrop.get_params` defines it. The area is uniform, and so is
 * the logarithm of the aspect. The sides are rounded (halves to even), and the corner is uniform among those that fit. If ten
 * attempts do not fit, it is the largest central window within the limits of the aspect.
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

/** The smallest image size to which the published rule, a margin of 32 pixels, applies. */
const PUBLISHED_SIZE = 224;

/**
 * The default share of the short side in the centre crop of evaluation. From 224 pixels on it is size / (size + 32), the rule of
 * the published EfficientNets (tensorflow/tpu, `models/official/efficientnet/preprocessing.py` as of AdvProp's release); for 224
 * this is the usual 224 / 256 = 0.875. Below 224 it is 0.875 too, since that margin would be half of an image of 32 pixels.
 */
export const defaultCropFraction = (size: number): number => (size >= PUBLISHED_SIZE ? size / (size + 32) : 0.875);

/** The size to which an image is resized, and the square at the centre of the result. */
export interface CentreCrop {
  /** Size of the whole image after resizing. */
  readonly width: number;
  readonly height: number;
  /** The square, in the resized image. */
  readonly window: Region;
}

/**
 * Resize and centre crop of evaluation. The short side becomes round(size / cropFraction). The rest is as in torchvision's
 * `Resize` and `CenterCrop`: the long side keeps the aspect, rounded down. The square starts at half of the remaining
 * pixels, rounded with halves to even.
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
