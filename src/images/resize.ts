/**
 * Resizes 8-bit images with antialiasing, byte for byte as Pillow up to version 12 (`Image.resize`, src/libImaging/Resample.c).
 * torchvision and timm resize photos in this way, so that their weights get the pixels that they were trained on. Pillow 13 does
 * the columns first where that is cheaper, and the rounding between the passes then changes some bytes.
 *
 * It is a separable filter: rows first, rounded to 8 bits, then columns. When an image shrinks, the filter is widened by the same
 * factor. Weights are fixed-point numbers with 22 fractional bits.
 */

import type { Region } from "./crop.js";

/** A decoded image. */
export interface RawImage {
  /** (H, W, 3) uint8 RGB */
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export const INTERPOLATIONS = ["bilinear", "bicubic"] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

/** The filters of {@link resizeRegion}: the interpolations of photos, and the mean, which only a corruption uses. */
export type ResizeFilter = Interpolation | "box";

interface Filter {
  /** Half of the filter's width at scale 1. */
  readonly support: number;
  weight(x: number): number;
}

const FILTERS: Readonly<Record<ResizeFilter, Filter>> = {
  // The mean of the pixels whose centres are in the window, open on the left and closed on the right.
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -0.5, as in Pillow.
  bicubic: {
    support: 2,
    weight: (signed) => {
      const a = -0.5;
      const x = Math.abs(signed);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    },
  },
};

/** Fractional bits of a weight: 32 minus 8 for the pixel and 2 for overshoot. */
const FRACTION_BITS = 22;
const ONE_HALF = 1 << (FRACTION_BITS - 1);

/** The weights of every output pixel along one axis. */
interface Taps {
  /** First source pixel of each output pixel. */
  readonly first: Int32Array;
  /** Number of source pixels of each output pixel. */
  readonly count: Int32Array;
  /** Weights of output pixel i start at i * stride. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Weights for the output pixels from .. from + count - 1, where `source` pixels become `size`. */
function tapsOf(source: number, size: number, from: number, count: number, filter: Filter): Taps {
  const scale = source / size;
  const widening = Math.max(1, scale);
  const support = filter.support * widening;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = {
    first: new Int32Array(count),
    count: new Int32Array(count),
    weights: new Int32Array(count * stride),
    stride,
  };
  const exact = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const centre = (from + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(source, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let x = first; x < end; x++) {
      exact[x - first] = filter.weight((x - centre + 0.5) * (1 / widening));
      sum += exact[x - first];
    }
    taps.first[i] = first;
    taps.count[i] = end - first;
    for (let k = 0; k < end - first; k++) {
      const weight = exact[k] * (sum === 0 ? 1 : 1 / sum) * (1 << FRACTION_BITS);
      taps.weights[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  return taps;
}

/**
 * Crops `region` out of an image, resizes it to `size`, and writes it, or the `window` of the result, to `target`. Pixels outside
 * of the region have no influence, as after a crop.
 *
 * @param size of the resized region
 * @param target (window.height, window.width, 3) uint8; every byte is written
 * @param window the part of the resized region to write; by default all of it
 */
export function resizeRegion(
  { pixels, width }: RawImage,
  region: Region,
  size: { readonly width: number; readonly height: number },
  interpolation: ResizeFilter,
  target: Uint8Array,
  window: Region = { left: 0, top: 0, ...size },
): void {
  const filter = FILTERS[interpolation];
  const across = tapsOf(region.width, size.width, window.left, window.width, filter);
  const down = tapsOf(region.height, size.height, window.top, window.height, filter);
  // The first pass computes only the rows that the second pass reads.
  const firstRow = down.first[0];
  const endRow = down.first[window.height - 1] + down.count[window.height - 1];
  const rowBytes = 3 * window.width;
  const rows = new Uint8ClampedArray((endRow - firstRow) * rowBytes);
  const start = ((region.top + firstRow) * width + region.left) * 3;
  for (let column = 0; column < window.width; column++) {
    combineColumns(pixels, start, 3 * width, across, column, rows, rowBytes);
  }
  // Stores into a clamped array saturate without a branch.
  const clamped = new Uint8ClampedArray(target.buffer, target.byteOffset, target.length);
  for (let row = 0; row < window.height; row++) {
    const from = (down.first[row] - firstRow) * rowBytes;
    combineRows(rows, from, rowBytes, down, row, clamped, row * rowBytes);
  }
}

/** Output column `column` of all rows: weighted sums of neighbouring pixels. The first row starts at byte `start`. */
function combineColumns(
  source: Uint8Array,
  start: number,
  sourceRowBytes: number,
  { first, count, weights, stride }: Taps,
  column: number,
  target: Uint8ClampedArray,
  rowBytes: number,
): void {
  const taps = count[column];
  const weight = column * stride;
  let from = start + 3 * first[column];
  if (taps <= 4) {
    // Unless the image shrinks there are at most four taps. Sums without a loop are twice as fast.
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((k) => (k < taps ? weights[weight + k] : 0));
    // A missing tap has weight 0 and reads the first pixel.
    const [o1, o2, o3] = [1, 2, 3].map((k) => (k < taps ? 3 * k : 0));
    for (let to = 3 * column; to < target.length; to += rowBytes) {
      for (let channel = 0; channel < 3; channel++) {
        const at = from + channel;
        const sum =
          ONE_HALF +
          Math.imul(source[at], w0) +
          Math.imul(source[at + o1], w1) +
          Math.imul(source[at + o2], w2) +
          Math.imul(source[at + o3], w3);
        target[to + channel] = sum >> FRACTION_BITS;
      }
      from += sourceRowBytes;
    }
    return;
  }
  for (let to = 3 * column; to < target.length; to += rowBytes) {
    let byte = from;
    let red = ONE_HALF;
    let green = ONE_HALF;
    let blue = ONE_HALF;
    for (let k = weight, end = weight + taps; k < end; k++) {
      const w = weights[k];
      red = (red + Math.imul(source[byte], w)) | 0;
      green = (green + Math.imul(source[byte + 1], w)) | 0;
      blue = (blue + Math.imul(source[byte + 2], w)) | 0;
      byte += 3;
    }
    target[to] = red >> FRACTION_BITS;
    target[to + 1] = green >> FRACTION_BITS;
    target[to + 2] = blue >> FRACTION_BITS;
    from += sourceRowBytes;
  }
}

/** Output row `row`: a weighted sum of rows of `rows`, which start at byte `from`. */
function combineRows(
  rows: Uint8ClampedArray,
  from: number,
  rowBytes: number,
  { count, weights, stride }: Taps,
  row: number,
  target: Uint8ClampedArray,
  to: number,
): void {
  const taps = count[row];
  const weight = row * stride;
  if (taps <= 4) {
    // As in combineColumns.
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((k) => (k < taps ? weights[weight + k] : 0));
    const [o1, o2, o3] = [1, 2, 3].map((k) => (k < taps ? k * rowBytes : 0));
    for (let i = 0; i < rowBytes; i++) {
      const at = from + i;
      const sum =
        ONE_HALF +
        Math.imul(rows[at], w0) +
        Math.imul(rows[at + o1], w1) +
        Math.imul(rows[at + o2], w2) +
        Math.imul(rows[at + o3], w3);
      target[to + i] = sum >> FRACTION_BITS;
    }
    return;
  }
  if (taps <= 6) {
    // Six taps are enough for a reduction to two thirds.
    const [w0, w1, w2, w3, w4, w5] = [0, 1, 2, 3, 4, 5].map((k) => (k < taps ? weights[weight + k] : 0));
    const o5 = taps > 5 ? 5 * rowBytes : 0;
    for (let i = 0; i < rowBytes; i++) {
      const at = from + i;
      const sum =
        ONE_HALF +
        Math.imul(rows[at], w0) +
        Math.imul(rows[at + rowBytes], w1) +
        Math.imul(rows[at + 2 * rowBytes], w2) +
        Math.imul(rows[at + 3 * rowBytes], w3) +
        Math.imul(rows[at + 4 * rowBytes], w4) +
        Math.imul(rows[at + o5], w5);
      target[to + i] = sum >> FRACTION_BITS;
    }
    return;
  }
  const sums = new Int32Array(rowBytes).fill(ONE_HALF);
  for (let k = 0; k < taps; k++) {
    const w = weights[weight + k];
    const start = from + k * rowBytes;
    for (let i = 0; i < rowBytes; i++) sums[i] = (sums[i] + Math.imul(rows[start + i], w)) | 0;
  }
  for (let i = 0; i < rowBytes; i++) target[to + i] = sums[i] >> FRACTION_BITS;
}
