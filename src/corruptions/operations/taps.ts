/**
 * Separable linear filters on interleaved images. Along one axis, each output is a weighted sum of consecutive inputs.
 * Blurs and linear zooms are made of them.
 */

import { reflected } from "./border.js";

/** One axis of a separable filter: output i = sum over k < counts[i] of weights[i * stride + k] * input[starts[i] + k]. */
export interface Taps {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Float64Array;
  /** Entries of `weights` reserved for each output. */
  readonly stride: number;
}

/** The pixels beyond the border: copies of the last pixel (a a | a b c), or the mirror image (b a | a b c). */
export type Border = "nearest" | "reflect";

/**
 * A Gaussian blur along an axis of n pixels, as SciPy's `gaussian_filter1d` computes it. The weights are
 * exp(-x^2 / 2 sigma^2) for |x| <= floor(truncate * sigma + 1/2), normalised. The weight of a tap beyond the border is added
 * to the pixel that is repeated or mirrored there.
 *
 * @param sigma standard deviation in pixels; 0 gives the identity
 */
function gaussianTaps(n: number, sigma: number, border: Border, truncate = 4): Taps {
  const radius = sigma > 1e-15 ? Math.floor(truncate * sigma + 0.5) : 0;
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, k) =>
    radius === 0 ? 1 : Math.exp((-0.5 / (sigma * sigma)) * (k - radius) ** 2),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const stride = Math.min(2 * radius + 1, n);
  const starts = new Int32Array(n);
  const counts = new Int32Array(n);
  const weights = new Float64Array(n * stride);
  for (let i = 0; i < n; i++) {
    const { first, last } = reach(i, radius, n, border);
    starts[i] = first;
    counts[i] = last - first + 1;
    for (let k = 0; k <= 2 * radius; k++) {
      const at = border === "nearest" ? Math.min(Math.max(i + k - radius, 0), n - 1) : reflected(i + k - radius, n);
      weights[i * stride + at - first] += kernel[k] / sum;
    }
  }
  return { starts, counts, weights, stride };
}

/** The first and the last pixel that output i reads. */
function reach(i: number, radius: number, n: number, border: Border): { first: number; last: number } {
  const low = i - radius;
  const high = i + radius;
  const first = Math.max(0, low);
  const last = Math.min(n - 1, high);
  if (border === "nearest") return { first, last };
  // Taps beyond one border are mirrored to pixels near that border, which extends the range from there.
  return {
    first: high > n - 1 ? Math.max(0, Math.min(first, 2 * n - 1 - high)) : first,
    last: low < 0 ? Math.min(n - 1, Math.max(last, -low - 1)) : last,
  };
}

/**
 * Filters an image (H, W, C) along its rows and then along its columns. The height and width of the result are the numbers
 * of outputs of the two filters.
 */
export function filterSeparable(
  source: ArrayLike<number>,
  width: number,
  channels: number,
  vertical: Taps,
  horizontal: Taps,
): Float64Array {
  const rowLength = width * channels;
  const outHeight = vertical.starts.length;
  const outWidth = horizontal.starts.length;
  const result = new Float64Array(outHeight * outWidth * channels);
  const row = new Float64Array(rowLength);
  for (let y = 0; y < outHeight; y++) {
    row.fill(0);
    for (let k = 0; k < vertical.counts[y]; k++) {
      const weight = vertical.weights[y * vertical.stride + k];
      const from = (vertical.starts[y] + k) * rowLength;
      for (let x = 0; x < rowLength; x++) row[x] += weight * source[from + x];
    }
    let out = y * outWidth * channels;
    for (let x = 0; x < outWidth; x++) {
      const first = horizontal.starts[x] * channels;
      const count = horizontal.counts[x];
      const tap = x * horizontal.stride;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let k = 0, at = first + channel; k < count; k++, at += channels) {
          sum += horizontal.weights[tap + k] * row[at];
        }
        result[out++] = sum;
      }
    }
  }
  return result;
}

/** Gaussian blur of an image (H, W, C) of any values; see {@link gaussianTaps}. */
export function gaussianBlur(
  source: ArrayLike<number>,
  height: number,
  width: number,
  channels: number,
  sigma: number,
  border: Border = "nearest",
  truncate = 4,
): Float64Array {
  const vertical = gaussianTaps(height, sigma, border, truncate);
  const horizontal = width === height ? vertical : gaussianTaps(width, sigma, border, truncate);
  return filterSeparable(source, width, channels, vertical, horizontal);
}
