/** The square of a photo on which a classifier is evaluated. */
import { centreCrop, type Size, whole } from "./crop.js";
import { cutPhoto, OVERSAMPLING } from "./cut.js";
import type { Interpolation } from "./resize.js";

export interface CentreCut {
  /** Side of the square in pixels. */
  readonly size: number;
  /** Side of the square as a share of the resized short side, in (0, 1]. */
  readonly cropFraction: number;
  readonly interpolation: Interpolation;
}

/**
 * Decodes an image file upright, resizes it and crops its centre: {@link centreCrop}.
 *
 * @param file the name for the message
 * @param photo size of the upright image
 * @param target (size, size, 3) uint8; every byte is written
 * @throws RunError ERR_IMAGE where it cannot be decoded
 */
export async function cutCentre(
  bytes: Uint8Array,
  file: string,
  photo: Size,
  { size, cropFraction, interpolation }: CentreCut,
  target: Uint8Array,
): Promise<void> {
  const { width, height, window } = centreCrop(photo.width, photo.height, size, cropFraction);
  const cut = { region: whole(photo), size: { width, height }, window, interpolation };
  await cutPhoto(bytes, file, photo, cut, OVERSAMPLING, target);
}
