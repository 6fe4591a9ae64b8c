/** Crop and flip of 8-bit images for training. The caller draws the window and whether to flip. */

/** Bytes of a pixel: RGB. */
const CHANNELS = 3;

/**
 * Crops an H x W window of an image padded with `padding` zero pixels on each side, the augmentation of He et al. 2016,
 * section 4.2, https://arxiv.org/abs/1512.03385.
 *
 * @param source (H, W, 3) uint8
 * @param top first row of the window in the padded image, in [0, 2 * padding]
 * @param left first column, in the same range; top = left = padding gives the image itself
 * @param target (H, W, 3) uint8; every byte is written; must not be `source`
 */
export function cropPadded(
  source: Uint8Array,
  height: number,
  width: number,
  padding: number,
  top: number,
  left: number,
  target: Uint8Array,
): void {
  const rowBytes = width * CHANNELS;
  const down = top - padding;
  const right = left - padding;
  // Columns of the window inside of the image. The others are padding.
  const first = Math.min(width, Math.max(0, -right));
  const end = Math.max(first, Math.min(width, width - right));
  for (let row = 0; row < height; row++) {
    const start = row * rowBytes;
    const sourceRow = row + down;
    if (sourceRow < 0 || sourceRow >= height) {
      target.fill(0, start, start + rowBytes);
      continue;
    }
    const from = sourceRow * rowBytes + right * CHANNELS;
    target.fill(0, start, start + first * CHANNELS);
    if (end > first)
      target.set(source.subarray(from + first * CHANNELS, from + end * CHANNELS), start + first * CHANNELS);
    target.fill(0, start + end * CHANNELS, start + rowBytes);
  }
}

/** Mirrors an image left to right, in place. `pixels` is (H, W, 3) uint8. */
export function flipHorizontal(pixels: Uint8Array, height: number, width: number): void {
  const rowBytes = width * CHANNELS;
  for (let row = 0; row < height; row++) {
    let left = row * rowBytes;
    let right = left + rowBytes - CHANNELS;
    while (left < right) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        const held = pixels[left + channel];
        pixels[left + channel] = pixels[right + channel];
        pixels[right + channel] = held;
      }
      left += CHANNELS;
      right -= CHANNELS;
    }
  }
}
