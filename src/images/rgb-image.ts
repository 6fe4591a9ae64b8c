/** An 8-bit RGB image in memory. */
export interface RgbImage {
  /** (H, W, 3) uint8 */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Values scaled to [0, 1]: b / 255. */
export function toUnit(pixels: Uint8Array): Float64Array {
  return Float64Array.from(pixels, (value) => value / 255);
}

/**
 * Clips values to [0, 1], multiplies by 255 in the precision of the array and truncates, as the published corruptions do
 * (rounding would be half a level brighter).
 */
export function truncateUnit(values: Float64Array | Float32Array): Uint8Array {
  return Uint8Array.from(values.map((value) => Math.min(1, Math.max(0, value)) * 255));
}
