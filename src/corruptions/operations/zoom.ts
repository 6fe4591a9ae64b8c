/** Zooming into the middle of an image without changing its size. */

import { roundHalfEven } from "../../images/rounding.js";
import type { Taps } from "./taps.js";

/**
 * One axis of the zoom of ImageNet-C (Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261): of n pixels the
 * middle c = ceil(n / factor) are cut out from floor((n - c) / 2), resampled linearly, first pixel on first and last on
 * last, to round(c * factor), and of those n are kept from floor of the middle. It drifts by up to a pixel, by definition.
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
