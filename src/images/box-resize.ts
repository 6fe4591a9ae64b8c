/** Pillow's BOX resize of 8-bit images, exactly. */

/** Fixed-point bits of a weight in Pillow's 8-bit resampling (`PRECISION_BITS` of its Resample.c). */
const WEIGHT_BITS = 22;

/**
 * Resizes an image (H, W, 3) as Pillow's `resize(size, BOX)`: an output pixel is the mean of the whole source pixels whose
 * centre lies in its window, no fractional areas; columns first, each pass rounded to 8 bits.
 */
export function boxResize(
  source: Uint8Array,
  height: number,
  width: number,
  outHeight: number,
  outWidth: number,
): Uint8Array {
  const row = 3 * width;
  const outRow = 3 * outWidth;
  const narrow = new Uint8Array(height * outRow);
  resizeLines(
    source,
    { line: row, pixel: 3, length: width },
    narrow,
    { line: outRow, pixel: 3, length: outWidth },
    height,
  );
  const result = new Uint8Array(outHeight * outRow);
  const column = { line: 3, pixel: outRow };
  resizeLines(narrow, { ...column, length: height }, result, { ...column, length: outHeight }, outWidth);
  return result;
}

/** How the lines along one axis lie in an array: values from line to line, from pixel to pixel, and pixels in a line. */
interface Lines {
  readonly line: number;
  readonly pixel: number;
  readonly length: number;
}

/** Resizes `count` lines of pixels. */
function resizeLines(source: Uint8Array, from: Lines, result: Uint8Array, to: Lines, count: number): void {
  const scale = from.length / to.length;
  const support = 0.5 * Math.max(scale, 1);
  const half = 1 << (WEIGHT_BITS - 1);
  for (let i = 0; i < to.length; i++) {
    const { first, members } = window(i, scale, support, from.length);
    // Equal weights, rounded to the fixed point of Pillow.
    const weight = Math.floor((1 / members) * (1 << WEIGHT_BITS) + 0.5);
    for (let line = 0; line < count; line++) {
      for (let channel = 0; channel < 3; channel++) {
        let at = line * from.line + first * from.pixel + channel;
        let sum = half;
        for (let k = 0; k < members; k++, at += from.pixel) sum += source[at] * weight;
        result[line * to.line + i * to.pixel + channel] = sum >>> WEIGHT_BITS;
      }
    }
  }
}

/** The source pixels whose centres lie in the window of output i, open on the left and closed on the right. */
function window(i: number, scale: number, support: number, length: number): { first: number; members: number } {
  const center = (i + 0.5) * scale;
  let first = Math.max(0, Math.trunc(center - support + 0.5));
  let last = Math.min(length, Math.trunc(center + support + 0.5)) - 1;
  const inside = (pixel: number): boolean => {
    const distance = (pixel - center + 0.5) / (2 * support);
    return distance > -0.5 && distance <= 0.5;
  };
  while (first < last && !inside(first)) first++;
  while (last > first && !inside(last)) last--;
  return { first, members: last - first + 1 };
}
