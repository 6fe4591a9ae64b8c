/**
 * The effect of JPEG compression on an image, computed without writing a JPEG. The entropy coding of a JPEG is lossless, so
 * that only colour conversion, chroma subsampling, transform and quantisation need to be computed. They use the integer
 * arithmetic of libjpeg with its defaults (baseline, 4:2:0, "islow" transform, smooth upsampling), as Pillow and most other
 * programs do. The resulting pixels are equal to theirs.
 *
 * ITU-T T.81 (1992), https://www.w3.org/Graphics/JPEG/itu-t81.pdf; colours by JFIF 1.02.
 */

import { forwardDct, inverseDct } from "./jpeg-dct.js";

// T.81, tables K.1 and K.2, row by row.
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
];

/** One channel of samples, padded so that both sides are multiples of 8. */
interface Plane {
  readonly samples: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/**
 * The image (H, W, 3) uint8 after compression as a JPEG of this quality. Both sides must be at least 5, since libjpeg
 * upsamples the chroma of smaller images in another way.
 *
 * @param quality 1 .. 100, on the scale of libjpeg
 */
export function jpegRoundTrip(pixels: Uint8Array, height: number, width: number, quality: number): Uint8Array {
  const { luma, blue, red } = toPlanes(pixels, height, width);
  codeAndDecode(luma, quantisers(LUMINANCE, quality));
  const chroma = quantisers(CHROMINANCE, quality);
  const halfHeight = Math.ceil(height / 2);
  const halfWidth = Math.ceil(width / 2);
  const [upBlue, upRed] = [blue, red].map((plane) => {
    const half = halved(plane, height);
    codeAndDecode(half, chroma);
    return doubled(half, halfHeight, halfWidth);
  });
  return toPixels(luma, upBlue, upRed, 2 * halfWidth, height, width);
}

/** Quantisation steps at a quality in [1, 100], baseline (at most 255). */
function quantisers(base: readonly number[], quality: number): Int32Array {
  const percent = quality < 50 ? Math.trunc(5000 / quality) : 200 - 2 * quality;
  return Int32Array.from(base, (step) => Math.min(255, Math.max(1, Math.trunc((step * percent + 50) / 100))));
}

/** Y, Cb and Cr in the 16-bit fixed point of libjpeg. The last column and row are repeated to whole 16 x 16 blocks. */
function toPlanes(pixels: Uint8Array, height: number, width: number): { luma: Plane; blue: Plane; red: Plane } {
  const paddedHeight = 16 * Math.ceil(height / 16);
  const paddedWidth = 16 * Math.ceil(width / 16);
  const plane = (): Plane => ({
    samples: new Uint8Array(paddedHeight * paddedWidth),
    height: paddedHeight,
    width: paddedWidth,
  });
  const luma = plane();
  const blue = plane();
  const red = plane();
  for (let y = 0; y < paddedHeight; y++) {
    const row = Math.min(y, height - 1) * width;
    for (let x = 0; x < paddedWidth; x++) {
      const from = 3 * (row + Math.min(x, width - 1));
      const r = pixels[from];
      const g = pixels[from + 1];
      const b = pixels[from + 2];
      const to = y * paddedWidth + x;
      luma.samples[to] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      blue.samples[to] = (-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16;
      red.samples[to] = (32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16;
    }
  }
  return { luma, blue, red };
}

/**
 * Means of 2 x 2 pixels. A half is rounded down in even columns and up in odd ones. As in libjpeg, the rows below the image
 * repeat the last row of means and not the last row of the image.
 */
function halved(full: Plane, imageHeight: number): Plane {
  const height = full.height / 2;
  const width = full.width / 2;
  const samples = new Uint8Array(height * width);
  const rows = Math.ceil(imageHeight / 2);
  for (let y = 0; y < rows; y++) {
    const above = 2 * y * full.width;
    const below = above + full.width;
    for (let x = 0; x < width; x++) {
      const at = 2 * x;
      const sum =
        full.samples[above + at] +
        full.samples[above + at + 1] +
        full.samples[below + at] +
        full.samples[below + at + 1];
      samples[y * width + x] = (sum + 1 + (x & 1)) >> 2;
    }
  }
  for (let y = rows; y < height; y++) samples.copyWithin(y * width, (rows - 1) * width, rows * width);
  return { samples, height, width };
}

/** Transforms, quantises and transforms back, in place. */
function codeAndDecode({ samples, height, width }: Plane, steps: Int32Array): void {
  const block = new Int32Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      const corner = top * width + left;
      for (let i = 0; i < 64; i++) block[i] = samples[corner + (i >> 3) * width + (i & 7)] - 128;
      forwardDct(block);
      for (let i = 0; i < 64; i++) block[i] = quantised(block[i], 8 * steps[i]) * steps[i];
      inverseDct(block);
      for (let i = 0; i < 64; i++) {
        samples[corner + (i >> 3) * width + (i & 7)] = Math.min(255, Math.max(0, block[i] + 128));
      }
    }
  }
}

/** value / step to the nearest integer, halves away from zero. */
function quantised(value: number, step: number): number {
  const magnitude = Math.trunc((Math.abs(value) + (step >> 1)) / step);
  return value < 0 ? -magnitude : magnitude;
}

/** Doubles both sides by the triangle filter: 3/4 of the nearer sample and 1/4 of the farther one along each axis. */
function doubled(plane: Plane, height: number, width: number): Uint8Array {
  const outWidth = 2 * width;
  const result = new Uint8Array(2 * height * outWidth);
  const columns = new Int32Array(width);
  for (let y = 0; y < 2 * height; y++) {
    const near = (y >> 1) * plane.width;
    const far = Math.min(height - 1, Math.max(0, (y >> 1) + (y & 1 ? 1 : -1))) * plane.width;
    for (let x = 0; x < width; x++) columns[x] = 3 * plane.samples[near + x] + plane.samples[far + x];
    const out = y * outWidth;
    for (let x = 0; x < width; x++) {
      // Halves are rounded up on the left and down on the right. The outermost columns have no farther sample.
      result[out + 2 * x] = (3 * columns[x] + columns[Math.max(0, x - 1)] + 8) >> 4;
      result[out + 2 * x + 1] = (3 * columns[x] + columns[Math.min(width - 1, x + 1)] + 7) >> 4;
    }
  }
  return result;
}

/** RGB of a luma plane and of chroma at full size, whose rows are `chromaWidth` samples long. */
function toPixels(
  luma: Plane,
  blue: Uint8Array,
  red: Uint8Array,
  chromaWidth: number,
  height: number,
  width: number,
): Uint8Array {
  const pixels = new Uint8ClampedArray(height * width * 3);
  let out = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const y = luma.samples[row * luma.width + column];
      const cb = blue[row * chromaWidth + column] - 128;
      const cr = red[row * chromaWidth + column] - 128;
      pixels[out++] = y + ((91881 * cr + 32768) >> 16);
      pixels[out++] = y + ((-22554 * cb - 46802 * cr + 32768) >> 16);
      pixels[out++] = y + ((116130 * cb + 32768) >> 16);
    }
  }
  return new Uint8Array(pixels.buffer);
}
