/** Zooming into the centre of an image without changing its size. */

import { roundHalfEven } from "../../images/rounding.js";
import type { Taps } from "./taps.js";

/**
 * One axis of the zoom of ImageNet-C (Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261):
 *
 * 1. Cut out c = ceil(n / factor) of the n pixels, starting at floor((n - c) / 2).
 * 2. Resample them linearly to round(c * factor) pixels; the first and the last pixel stay where they are.
 * 3. Keep the n pixels in the middle of these; the start is rounded down.
 *
 * By this definition the image moves by up to a pixel.
 *
 * @param factor at least 1
 */
export function zoomTaps(n: number, factor: number): Taps {
  const cut = Math.ceil(n / factor);
  const top = Math.floor((n - cut) / 2);
  const enlarged = roundHalfEven(cut * factor);
  const trim = Math.floor((enlarged - n) / 2);
  const step = enlarged > 1 ? (cut - 1) / (enlarged - 1) : 1;

  const starts = new Int32Array(n);
  const counts = new Int32Array(n);
  const weights = new Float64Array(n * 2);
  for (let i = 0; i < n; i++) {
    const position = (i + trim) * step;
    // Rounding can push the last position past the last pixel, where the definition (SciPy's zoom) reads zero.
    if (position > cut - 1) continue;
    const below = Math.floor(position);
    starts[i] = top + below;
    counts[i] = below + 1 < cut ? 2 : 1;
    weights[2 * i] = 1 - (position - below);
    weights[2 * i + 1] = position - below;
  }
  return { starts, counts, weights, stride: 2 };
}
