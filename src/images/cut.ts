/**
 * Turns an image file into an image of a batch: a region is decoded, resized and optionally mirrored.
 *
 * The addon decodes JPEGs by libjpeg-turbo, and only as much as the region needs. Other formats, and files that the addon cannot
 * decode, are decoded by sharp. At its own size a JPEG gives the same pixels either way. Where it is scaled while it is decoded,
 * the pixels differ from the exact result by less than half a grey level on average, and by less than two with sharp, which
 * rounds sizes and edges (test/images/cut.test.ts).
 */

import { flipHorizontal } from "./augmentation/augmentation.js";
import { type Region, type Size, scaleRegion } from "./crop.js";
import { decodeImage, decodeSize, readHeader } from "./decode.js";
import { nativePhotos, type Output } from "./native.js";
import { INTERPOLATIONS, type Interpolation, type RawImage, resizeRegion } from "./resize.js";

/** A region of an image and the transform that is applied to it. */
export interface Cut {
  /** The region to use, in pixels of the upright image at its own size. */
  readonly region: Region;
  /** The size to which the region is resized. */
  readonly size: Size;
  /** The window of the resized region to return; by default all of it. */
  readonly window?: Region;
  readonly interpolation: Interpolation;
  /** Whether the result is mirrored left to right; by default false. */
  readonly mirrored?: boolean;
}

/**
 * When a large photo is decoded at a smaller size, each side keeps at least this many times the pixels of the result. So the
 * exact filter alone decides how sharp the result is. With 1, training crops would lose 4 % of the contrast between
 * neighbouring pixels.
 */
export const OVERSAMPLING = 2;

/** Factors by which libjpeg-turbo can shrink an image while decoding it, by scaled cosine transforms. */
const JPEG_REDUCTIONS = [8, 4, 2];

/**
 * The size of an upright image.
 *
 * @param file the name for the message
 * @throws RunError ERR_IMAGE where it is not an image in one of the supported formats
 */
export async function imageSize(bytes: Uint8Array, file: string, native = nativePhotos): Promise<Size> {
  return native?.jpegSize(bytes) ?? (await readHeader(bytes, file));
}

/**
 * Decodes an image as {@link decodeImage} does, but only as much as the cut needs, and writes the cut.
 *
 * @param file the name for the message
 * @param size of the upright image
 * @param oversampling number of times the pixels of the result that each side keeps at least when the image is scaled while it is
 *   decoded. Up to twice that number (three times with sharp) it is decoded at its own size, and the result is exact
 * @param target (window.height, window.width, 3) uint8; every byte is written
 * @param native the addon; null always decodes by sharp
 * @throws RunError ERR_IMAGE where it cannot be decoded. Damage outside of the region may not be noticed, but a truncated file
 *   always is.
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

/** Writes a cut of a decoded image. Pixels outside of the region have no influence, as after a crop. */
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

/** A cut as arguments of the addon. */
function output(cut: Cut, target: Uint8Array): Output {
  const filter = INTERPOLATIONS.indexOf(cut.interpolation);
  return [cut.region, cut.size, windowOf(cut), filter, cut.mirrored ?? false, target];
}
