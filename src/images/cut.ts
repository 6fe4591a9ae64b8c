/**
 * From an image file to the square that a batch wants: a part of it is decoded, resized and, if asked for, mirrored.
 *
 * JPEGs go through libjpeg-turbo by our addon, which decodes no more than the part; everything else, and everything that is
 * wrong with a file, through sharp. At its own size a JPEG gives the same pixels either way. Where it is scaled while it is
 * decoded, what comes out differs from the exact cut by less than half of a grey level in the mean, and by less than two through
 * sharp, whose scaled sizes and edges are rounded (test/images/cut.test.ts).
 */

import { flipHorizontal } from "./augmentation/augmentation.js";
import { type Region, type Size, scaleRegion } from "./crop.js";
import { decodeImage, decodeSize, readHeader } from "./decode.js";
import { nativePhotos, type Output } from "./native.js";
import { INTERPOLATIONS, type Interpolation, type RawImage, resizeRegion } from "./resize.js";

/** What becomes of an image. */
export interface Cut {
  /** The part that is wanted, in the upright image at its own size. */
  readonly region: Region;
  /** What the part is resized to. */
  readonly size: Size;
  /** The part of the result that is wanted; by default all of it. */
  readonly window?: Region;
  readonly interpolation: Interpolation;
  /** Whether left and right are exchanged; by default they are not. */
  readonly mirrored?: boolean;
}

/**
 * A large photo keeps so many times the pixels that are wanted, along each side, when it is decoded smaller: only the exact filter then
 * shapes the result. With 1, crops to train on lose 4 % of the contrast between neighbouring pixels.
 */
export const OVERSAMPLING = 2;

/** How much smaller libjpeg-turbo decodes, by scaled cosine transforms. */
const JPEG_REDUCTIONS = [8, 4, 2];

/**
 * The size of an upright image.
 *
 * @param file the name for the message
 * @throws RunError ERR_IMAGE where it is not an image in one of the formats
 */
export async function imageSize(bytes: Uint8Array, file: string, native = nativePhotos): Promise<Size> {
  return native?.jpegSize(bytes) ?? (await readHeader(bytes, file));
}

/**
 * Decodes an image as {@link decodeImage} does, but only as much as the cut needs, and writes the cut.
 *
 * @param file the name for the message
 * @param size of the upright image
 * @param oversampling how many times the pixels that are wanted an image keeps, along each side, when it is scaled while it is
 *   decoded; it is decoded at its own size up to twice that (three times by sharp), and the cut is then exact
 * @param target (window.height, window.width, 3) uint8, every byte of it is written
 * @param native the addon; null goes through sharp in any case
 * @throws RunError ERR_IMAGE where it cannot be decoded. Damage outside of the cut need not be noticed, except that the
 *   file is truncated.
 */
export async function cutPhoto(
  bytes: Uint8Array,
  file: string,
  size: Size,
  cut: Cut,
  oversampling: number,
  target: Uint8Array,
  native = nativePhotos,
): Promise<void> {
  const { region } = cut;
  const spare = Math.min(region.width / cut.size.width, region.height / cut.size.height) / oversampling;
  if (native !== null) {
    const reduction = JPEG_REDUCTIONS.find((factor) => spare >= factor) ?? 1;
    if (native.cutJpeg(bytes, reduction, ...output(cut, target))) return;
  }
  const decoded = decodeSize(size, spare);
  const image = await decodeImage(bytes, file, decoded);
  cutImage(image, decoded === undefined ? cut : { ...cut, region: scaleRegion(region, size, decoded) }, target, native);
}

/** Writes a cut of a decoded image, of which only the part counts, as when one crops before resizing. */
export function cutImage(image: RawImage, cut: Cut, target: Uint8Array, native = nativePhotos): void {
  if (native !== null) {
    native.resize(image.pixels, image.width, ...output(cut, target));
    return;
  }
  const window = windowOf(cut);
  resizeRegion(image, cut.region, cut.size, cut.interpolation, target, window);
  if (cut.mirrored) flipHorizontal(target, window.height, window.width);
}

function windowOf({ size, window }: Cut): Region {
  return window ?? { left: 0, top: 0, width: size.width, height: size.height };
}

/** A cut as the addon takes it. */
function output(cut: Cut, target: Uint8Array): Output {
  const filter = INTERPOLATIONS.indexOf(cut.interpolation);
  return [cut.region, cut.size, windowOf(cut), filter, cut.mirrored ?? false, target];
}
