/** Which photos of a set are kept decoded in memory, and how large, so that crops of them are as sharp as crops of the files. */

import type { CropLimits, Size } from "../../images/crop.js";
import { imageSize } from "../../images/cut.js";
import { ImageError } from "../../images/decode.js";
import type { PhotoSet } from "./photo-set.js";
import { photoPath, readPhoto } from "./read-photo.js";

/** Photos whose sizes are looked at to know what a copy takes in the mean. */
const SAMPLE = 128;
/** What the estimate from a sample leaves free. */
const MARGIN = 0.95;
/** Multiples of it, without their whole part, fill [0, 1) evenly, and so do those of any every n-th photo. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * The short side of a photo's copy: size / sqrt(the least area of a crop), 3.5 times the size for INCEPTION_CROP. Of a square copy
 * even the smallest crop has as many pixels as the image that it becomes, so that hardly any crop is enlarged that would not
 * be enlarged from the file too.
 */
export const copySide = (size: number, { area: [least] }: CropLimits): number => Math.ceil(size / Math.sqrt(least));

/** The size of a photo's copy: with that short side, or the photo's own where it is smaller. */
export function copySize({ width, height }: Size, side: number): Size {
  const factor = Math.min(1, side / Math.min(width, height));
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

/**
 * The share of a set's photos whose copies fit into a cache, from the sizes of a sample of its files. It depends on the set and the
 * memory alone, so that a run that is resumed keeps the same ones.
 *
 * @param bytes of the cache, over all workers
 * @param side {@link copySide}
 * @returns in [0, 1]
 */
export async function keptShare({ root, files, length }: PhotoSet, bytes: number, side: number): Promise<number> {
  const count = Math.min(length, SAMPLE);
  let total = 0;
  let known = 0;
  for (let i = 0; i < count; i++) {
    const file = photoPath(root, files[Math.floor((i * length) / count)]);
    try {
      const { width, height } = copySize(await imageSize(await readPhoto(file), file), side);
      total += 3 * width * height;
      known++;
    } catch (error) {
      // Whoever reads it says what is wrong with it.
      if (!(error instanceof ImageError)) throw error;
    }
  }
  return known === 0 ? 1 : Math.min(1, (MARGIN * bytes * known) / (length * total));
}

/** Whether a photo is among the share that is kept: spread evenly over the set, whatever its order. */
export const isKept = (index: number, share: number): boolean => (index * GOLDEN_RATIO) % 1 < share;
