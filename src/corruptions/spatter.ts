/** Drops of water or mud. */

import type { RawImage } from "../images/resize.js";
import type { Corruption } from "./corruption.js";
import { mirrored } from "./operations/border.js";
import { cannyEdges, chamferDistance } from "./operations/edges.js";
import { gaussianBlur } from "./operations/taps.js";
import { truncateUnit } from "./operations/unit.js";

/** Pale turquoise, in the channel order of the published result. */
const WATER = [175 / 255, 238 / 255, 238 / 255];
const MUD = [63 / 255, 42 / 255, 20 / 255];
/** A gradient kernel that lights drops from the upper left and keeps the mean. */
const LIGHT = [-2, -1, 0, -1, 1, 1, 0, 1, 2];

/** Blurred normal noise; values above the threshold are liquid. Water is added to the image, mud covers it. */
export const spatter: Corruption<"spatter"> = (image, [mean, deviation, sigma, threshold, strength, liquid], draws) => {
  const { pixels, height, width } = image;
  const noise = draws.normals(height * width, mean, deviation);
  const blurred = gaussianBlur(noise, height, width, 1, sigma);
  const values = new Float32Array(pixels.length);
  if (liquid === "water") {
    const layer = Uint8Array.from(blurred, (value) => (value < threshold ? 0 : value * 255));
    const drops = litDrops(layer, image);
    const most = drops.reduce((largest, value) => Math.max(largest, value), 0);
    for (let i = 0; i < pixels.length; i++) {
      const amount = most > 0 ? (drops[Math.floor(i / 3)] / most) * strength : 0;
      values[i] = pixels[i] / 255 + amount * WATER[i % 3];
    }
    return truncateUnit(values);
  }
  const mask = blurred.map((value) => Number(value > threshold));
  const cover = gaussianBlur(mask, height, width, 1, strength).map((value) => (value < 0.8 ? 0 : value));
  for (let i = 0; i < pixels.length; i++) {
    const share = cover[Math.floor(i / 3)];
    values[i] = (pixels[i] / 255) * (1 - share) + MUD[i % 3] * share;
  }
  return truncateUnit(values);
};

/** Depth of the liquid times its light, which is computed from the distance to the edges of the drops, equalised. */
function litDrops(layer: Uint8Array, { height, width }: RawImage): Float64Array {
  const edges = cannyEdges(layer, height, width, 50, 150);
  const distance = chamferDistance(edges, height, width).map((value) => Math.min(20, value));
  const spread = equalized(Uint8Array.from(mean3x3(distance, height, width)));
  const lit = Uint8ClampedArray.from(filter3x3(spread, height, width, LIGHT));
  const smooth = mean3x3(lit, height, width);
  return Float64Array.from(layer, (depth, i) => depth * Math.round(smooth[i]));
}

/** Mean of 3 x 3 pixels. The sum is computed before the division, so that the mean of equal values is exact. */
function mean3x3(source: ArrayLike<number>, height: number, width: number): Float64Array {
  return filter3x3(source, height, width, [1, 1, 1, 1, 1, 1, 1, 1, 1]).map((sum) => sum * (1 / 9));
}

/** Correlation with 3 x 3 weights, mirrored about the border pixels. */
function filter3x3(source: ArrayLike<number>, height: number, width: number, weights: readonly number[]): Float64Array {
  const result = new Float64Array(source.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < 9; k++) {
        const row = mirrored(y + Math.floor(k / 3) - 1, height);
        sum += weights[k] * source[row * width + mirrored(x + (k % 3) - 1, width)];
      }
      result[y * width + x] = sum;
    }
  }
  return result;
}

/** Histogram equalisation of OpenCV: the lowest grey becomes 0. Any other becomes its share of the remaining pixels times 255. */
function equalized(grey: Uint8Array): Uint8Array {
  const counts = new Uint32Array(256);
  for (const value of grey) counts[value]++;
  const lowest = counts.findIndex((count) => count > 0);
  const rest = grey.length - counts[lowest];
  if (rest === 0) return grey;
  const table = new Uint8Array(256);
  let sum = 0;
  for (let value = lowest + 1; value < 256; value++) {
    sum += counts[value];
    table[value] = Math.round((sum * 255) / rest);
  }
  return grey.map((value) => table[value]);
}
