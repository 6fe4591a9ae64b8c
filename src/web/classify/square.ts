/** Turns a decoded photo into the square that a network takes, as in training. */
import type { EvaluationView } from "../../evaluation/view.js";
import { centreCrop, whole } from "../../images/crop.js";
import { type RawImage, resizeRegion } from "../../images/resize.js";

/** @returns (side, side, 3) */
export function squareOf(photo: RawImage, side: number, { cropFraction, interpolation }: EvaluationView): Uint8Array {
  const { width, height, window } = centreCrop(photo.width, photo.height, side, cropFraction);
  const target = new Uint8Array(side * side * 3);
  resizeRegion(photo, whole(photo), { width, height }, interpolation, target, window);
  return target;
}

/** Removes the transparency of a canvas: (H, W, 4) to (H, W, 3). */
export function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}
