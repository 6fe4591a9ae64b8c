/** Affine maps of 8-bit images as Pillow computes them: each output pixel is read from the input at its mapped centre. */
import type { RgbImage } from "./auto-augment-operations.js";

/**
 * Maps the centre (x, y) of an output pixel to (a x + b y + c, d x + e y + f) in the input, in pixels from the upper left
 * corner.
 */
export type AffineMap = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export type AffineInterpolation = "nearest" | "bilinear";

const CHANNELS = 3;
/** Middle grey, which fills the area that the image has left. */
export const FILL = 128;
/** For the nearest pixel, Pillow computes positions in units of 2^-16 pixel. */
const FIXED = 65536;

/** Transforms an image in place. The area outside of the input is middle grey, where Pillow's default is black. */
export function transformAffine(image: RgbImage, map: AffineMap, interpolation: AffineInterpolation): void {
  if (interpolation === "nearest") nearest(image, map);
  else bilinear(image, map);
}

function nearest({ pixels, height, width }: RgbImage, [a, b, c, d, e, f]: AffineMap): void {
  const source = pixels.slice();
  const fixed = (value: number) => Math.floor(value * FIXED + 0.5);
  const [stepX, rowX, stepY, rowY] = [fixed(a), fixed(b), fixed(d), fixed(e)];
  const [startX, startY] = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += CHANNELS) {
      const column = Math.floor((startX + y * rowX + x * stepX) / FIXED);
      const row = Math.floor((startY + y * rowY + x * stepY) / FIXED);
      const inside = column >= 0 && column < width && row >= 0 && row < height;
      const from = (row * width + column) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        pixels[at + channel] = inside ? source[from + channel] : FILL;
      }
    }
  }
}

function bilinear({ pixels, height, width }: RgbImage, [a, b, c, d, e, f]: AffineMap): void {
  const source = pixels.slice();
  const [lastColumn, lastRow] = [width - 1, height - 1];
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += CHANNELS) {
      const column = a * (x + 0.5) + b * (y + 0.5) + c;
      const row = d * (x + 0.5) + e * (y + 0.5) + f;
      if (!(column >= 0 && column < width && row >= 0 && row < height)) {
        for (let i = at; i < at + CHANNELS; i++) pixels[i] = FILL;
        continue;
      }
      // The pixel to the upper left, which can be outside by one pixel. Outside pixels have the values of the border.
      const left = Math.floor(column - 0.5);
      const top = Math.floor(row - 0.5);
      const right = column - 0.5 - left;
      const down = row - 0.5 - top;
      const above = Math.max(0, top) * width;
      const below = Math.min(lastRow, top + 1) * width;
      const west = Math.max(0, left);
      const east = Math.min(lastColumn, left + 1);
      for (let channel = 0; channel < CHANNELS; channel++) {
        const upper =
          source[(above + west) * CHANNELS + channel] * (1 - right) +
          source[(above + east) * CHANNELS + channel] * right;
        const lower =
          source[(below + west) * CHANNELS + channel] * (1 - right) +
          source[(below + east) * CHANNELS + channel] * right;
        pixels[at + channel] = Math.trunc(upper * (1 - down) + lower * down);
      }
    }
  }
}

/** Rotation about the centre by `degrees` counterclockwise. */
export function rotation(degrees: number, { height, width }: RgbImage): AffineMap {
  const angle = (-degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y];
}
