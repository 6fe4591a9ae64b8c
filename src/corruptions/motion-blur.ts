/** Motion blur as ImageMagick computes it. */

import type { RawImage } from "../images/resize.js";
import type { Corruption } from "./corruption.js";

/** Motion blur at a random angle of at most 45 degrees to the rows. */
export const motionBlur: Corruption<"motion_blur"> = ({ pixels, height, width }, [radius, sigma], draws) =>
  smear(pixels, 3, { height, width }, radius, sigma, draws.uniform(-45, 45));

/**
 * ImageMagick's `-motion-blur`. Its 2 ceil(radius) + 1 taps are one half of a Gaussian, normalised. Tap k reads the pixel
 * nearest to the point k steps away in the direction of the angle. Beyond the border the border pixel is repeated.
 *
 * @param pixels (H, W, C) uint8
 * @param angle in degrees, clockwise from the right
 */
export function smear(
  pixels: Uint8Array,
  channels: number,
  { height, width }: Pick<RawImage, "height" | "width">,
  radius: number,
  sigma: number,
  angle: number,
): Uint8Array {
  const taps = 2 * Math.ceil(radius) + 1;
  const kernel = Float64Array.from({ length: taps }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const right = Math.cos((angle * Math.PI) / 180);
  const down = Math.sin((angle * Math.PI) / 180);

  const rowLength = width * channels;
  const values = new Float64Array(pixels.length);
  for (let i = 0; i < taps; i++) {
    const weight = kernel[i] / sum;
    const shiftX = Math.ceil(i * right - 0.5);
    const shiftY = Math.ceil(i * down - 0.5);
    // Columns whose source lies inside of the image. The columns before and after them read the border column.
    const first = Math.min(width, Math.max(0, -shiftX));
    const end = Math.max(first, Math.min(width, width - shiftX));
    for (let y = 0; y < height; y++) {
      const from = Math.min(height - 1, Math.max(0, y + shiftY)) * rowLength;
      const to = y * rowLength;
      for (let x = 0; x < first; x++) {
        for (let c = 0; c < channels; c++) values[to + x * channels + c] += weight * pixels[from + c];
      }
      const shift = from + shiftX * channels - to;
      for (let at = to + first * channels; at < to + end * channels; at++) values[at] += weight * pixels[at + shift];
      const last = from + rowLength - channels;
      for (let x = end; x < width; x++) {
        for (let c = 0; c < channels; c++) values[to + x * channels + c] += weight * pixels[last + c];
      }
    }
  }
  // ImageMagick rounds the sum to 16 bits, where one grey level is 257, and then truncates it to 8 bits.
  const result = new Uint8Array(pixels.length);
  for (let i = 0; i < result.length; i++) result[i] = Math.floor(257 * values[i] + 0.5) / 257;
  return result;
}
