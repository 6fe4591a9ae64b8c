/** Pixels beyond the border of an image. */

/** Maps an index to the pixel in [0, n) when the image is mirrored at its border: -1 is 0, n is n - 1. */
export function reflected(index: number, n: number): number {
  const period = 2 * n;
  const inside = ((index % period) + period) % period;
  return inside < n ? inside : period - 1 - inside;
}

/** Maps an index to the pixel in [0, n) when the image is mirrored about its border pixels: -1 is 1, n is n - 2. */
export function mirrored(index: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const inside = ((index % period) + period) % period;
  return inside < n ? inside : period - inside;
}
