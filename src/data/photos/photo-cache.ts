/** Chooses the photos that are kept decoded in memory, and their size, so that crops of copies are as sharp as crops of files. */

import type { CropLimits, Size } from "../../images/crop.js";
import { imageSize } from "../../images/cut.js";
import { ImageError } from "../../images/decode.js";
import type { PhotoSet } from "./photo-set.js";
import { photoPath, readPhoto } from "./read-photo.js";

/** Number of photos from whose sizes the mean size of a copy is estimated. */
const SAMPLE = 128;
/** Share of the cache that may be filled by this estimate. */
const MARGIN = 0.95;
/** The fractional parts of its multiples fill [0, 1) evenly. The same is true for every n-th multiple. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * The short side of a photo's copy: size / sqrt(the least area of a crop), which is 3.5 times the size for INCEPTION_CROP. Even
 * the smallest crop of a square copy then has as many pixels as the image that it becomes. So hardly any crop is enlarged that
 * would not also be enlarged from the file.
 */
export const copySide = (size: number, { area: [least] }: CropLimits): number => Math.ceil(size / Math.sqrt(least));

/** The size of a photo's copy: it has that short side, or is the photo itself where that is smaller. */
export function copySize({ width, height }: Size, side: number): Size {
  const factor = Math.min(1, side / Math.min(width, height));
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

/**
 * The share of a set's photos whose copies fit into a cache, estimated from the sizes of some of its files. It depends only on
 * the set and the memory, so that a resumed run keeps the same photos.
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
      // A file that cannot be read is reported by the code that reads it later.
      if (!(error instanceof ImageError)) throw error;
    }
  }
  return known === 0 ? 1 : Math.min(1, (MARGIN * bytes * known) / (length * total));
}

/** Whether a photo is kept. The kept ones are spread evenly over the set, whatever its order. */
export const isKept = (index: number, share: number): boolean => (index * GOLDEN_RATIO) % 1 < share;
