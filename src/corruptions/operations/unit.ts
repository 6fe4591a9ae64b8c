/** Conversion between bytes and values in [0, 1]. */

/** Values scaled to [0, 1]: b / 255. */
export function toUnit(pixels: Uint8Array): Float64Array {
  const values = new Float64Array(pixels.length);
  for (let i = 0; i < values.length; i++) values[i] = pixels[i] / 255;
  return values;
}

/**
 * Clips values to [0, 1], multiplies them by 255 in the precision of the array and truncates, as the published corruptions
 * do. Rounding would make images half a grey level brighter.
 */
export function truncateUnit(values: Float64Array | Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  if (values instanceof Float32Array) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.fround(clip(values[i]) * 255);
  } else {
    for (let i = 0; i < bytes.length; i++) bytes[i] = clip(values[i]) * 255;
  }
  return bytes;
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
