/** Filtering by a two-dimensional kernel. */

import type { RawImage } from "../../images/resize.js";
import { mirrored } from "./border.js";

/** Weights on a square of side 2 * radius + 1, row by row. */
export interface Kernel {
  readonly radius: number;
  readonly weights: Float64Array;
}

/** Correlates an image in [0, 1], mirrored about its border pixels, with a kernel. Taps of weight 0 are skipped. */
export function filterImage({ pixels, height, width }: RawImage, { radius, weights }: Kernel): Float64Array {
  const side = 2 * radius + 1;
  // The image within a mirrored frame: every tap then reads one array at a fixed offset.
  const frameWidth = 3 * (width + 2 * radius);
  const framed = new Float64Array((height + 2 * radius) * frameWidth);
  for (let y = 0; y < height + 2 * radius; y++) {
    const row = mirrored(y - radius, height) * width;
    for (let x = 0; x < width + 2 * radius; x++) {
      const from = 3 * (row + mirrored(x - radius, width));
      const to = y * frameWidth + 3 * x;
      framed[to] = pixels[from] / 255;
      framed[to + 1] = pixels[from + 1] / 255;
      framed[to + 2] = pixels[from + 2] / 255;
    }
  }
  const rowLength = 3 * width;
  const result = new Float64Array(height * rowLength);
  for (let y = 0; y < height; y++) {
    const row = result.subarray(y * rowLength, (y + 1) * rowLength);
    for (let j = 0; j < side; j++) {
      for (let i = 0; i < side; i++) {
        const weight = weights[j * side + i];
        if (weight === 0) continue;
        const from = (y + j) * frameWidth + 3 * i;
        for (let x = 0; x < rowLength; x++) row[x] += weight * framed[from + x];
      }
    }
  }
  return result;
}
