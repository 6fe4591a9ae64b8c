/** Elastic deformation: a random affine map, then smooth random displacements. */

import type { RawImage } from "../images/resize.js";
import type { Corruption } from "./corruption.js";
import type { Draws } from "./draws.js";
import { mirrored, reflected } from "./operations/border.js";
import { gaussianBlur } from "./operations/taps.js";
import { truncateUnit } from "./operations/unit.js";

/**
 * First an affine map: it moves three points, which lie a third of the shorter side from the centre, by up to `affine` pixels
 * each. Then every pixel is read at a random displacement: uniform noise, smoothed by a Gaussian (truncated at 3 sigma) and
 * multiplied by alpha.
 *
 * After Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural networks",
 * https://doi.org/10.1109/ICDAR.2003.1227801.
 */
export const elasticTransform: Corruption<"elastic_transform"> = (image, [alpha, sigma, affine], draws) => {
  const { height, width } = image;
  const warped = warpAffine(image, randomAffine(height, width, affine, draws));
  const [right, down] = [0, 1].map(() => {
    const noise = draws.uniforms(height * width, -1, 1);
    return gaussianBlur(noise, height, width, 1, sigma, "reflect", 3).map((value) => Math.fround(value * alpha));
  });
  const values = new Float32Array(warped.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const sourceY = y + down[at];
      const sourceX = x + right[at];
      const top = Math.floor(sourceY);
      const left = Math.floor(sourceX);
      const fy = sourceY - top;
      const fx = sourceX - left;
      const row0 = reflected(top, height) * width;
      const row1 = reflected(top + 1, height) * width;
      const column0 = reflected(left, width);
      const column1 = reflected(left + 1, width);
      for (let channel = 0; channel < 3; channel++) {
        values[3 * at + channel] =
          (1 - fy) * (1 - fx) * warped[3 * (row0 + column0) + channel] +
          (1 - fy) * fx * warped[3 * (row0 + column1) + channel] +
          fy * (1 - fx) * warped[3 * (row1 + column0) + channel] +
          fy * fx * warped[3 * (row1 + column1) + channel];
      }
    }
  }
  return truncateUnit(values);
};

/** x' = a x + b y + c, y' = d x + e y + f. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** The inverse of the affine map that moves the three points: it maps a result pixel to its source. */
function randomAffine(height: number, width: number, reach: number, draws: Draws): Affine {
  const centerX = Math.floor(width / 2);
  const centerY = Math.floor(height / 2);
  const arm = Math.floor(Math.min(height, width) / 3);
  // The corners (+, +), (+, -) and (-, -) around the centre, in float32 as published.
  const moved = [centerX + arm, centerY + arm, centerX + arm, centerY - arm, centerX - arm, centerY - arm].map(
    (value) => Math.fround(value + Math.fround(draws.uniform(-reach, reach))),
  );
  const [x0, y0, x1, y1, x2, y2] = moved;
  // Columns of the linear part: the images of one step to the right and of one step down.
  const a = (x1 - x2) / (2 * arm);
  const d = (y1 - y2) / (2 * arm);
  const b = (x0 - x1) / (2 * arm);
  const e = (y0 - y1) / (2 * arm);
  const c = x1 - a * (centerX + arm) - b * (centerY - arm);
  const f = y1 - d * (centerX + arm) - e * (centerY - arm);
  const determinant = a * e - b * d;
  const inverse = [e / determinant, -b / determinant, -d / determinant, a / determinant];
  return [
    inverse[0],
    inverse[1],
    -inverse[0] * c - inverse[1] * f,
    inverse[2],
    inverse[3],
    -inverse[2] * c - inverse[3] * f,
  ];
}

/**
 * OpenCV's `warpAffine` in float32: reads an image in [0, 1] through an affine map. Interpolation is linear at positions
 * rounded to 1/32 pixel. The image is mirrored about its border pixels.
 */
function warpAffine({ pixels, height, width }: RawImage, [a, b, c, d, e, f]: Affine): Float32Array {
  const result = new Float32Array(pixels.length);
  // Positions have 10 fraction bits. The shift by 5 keeps 5 of them.
  const fixed = (value: number): number => Math.round(value * 1024);
  for (let y = 0; y < height; y++) {
    const startX = fixed(b * y + c) + 16;
    const startY = fixed(e * y + f) + 16;
    for (let x = 0; x < width; x++) {
      const sourceX = (startX + fixed(a * x)) >> 5;
      const sourceY = (startY + fixed(d * x)) >> 5;
      const fx = (sourceX & 31) / 32;
      const fy = (sourceY & 31) / 32;
      const row0 = mirrored(sourceY >> 5, height) * width;
      const row1 = mirrored((sourceY >> 5) + 1, height) * width;
      const column0 = mirrored(sourceX >> 5, width);
      const column1 = mirrored((sourceX >> 5) + 1, width);
      for (let channel = 0; channel < 3; channel++) {
        const above = (1 - fx) * pixels[3 * (row0 + column0) + channel] + fx * pixels[3 * (row0 + column1) + channel];
        const below = (1 - fx) * pixels[3 * (row1 + column0) + channel] + fx * pixels[3 * (row1 + column1) + channel];
        result[3 * (y * width + x) + channel] = ((1 - fy) * above + fy * below) / 255;
      }
    }
  }
  return result;
}
