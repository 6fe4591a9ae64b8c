/**
 * The operations of AutoAugment (Cubuk et al. 2019, table 6, https://arxiv.org/abs/1805.09501) on 8-bit RGB images, in place.
 * They compute the same as the official trainer of EfficientNet and AdvProp (tensorflow/tpu,
 * models/official/efficientnet/autoaugment.py), except where a function says otherwise.
 */

/** An image that an operation changes in place. */
export interface RgbImage {
  /** (H, W, 3) uint8 */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

const CHANNELS = 3;
/** Middle grey, which fills the area that the image has left, and cutouts. */
const FILL = 128;
/** Values below this are brightened by {@link solarizeAdd}. */
const SOLARIZE_ADD_THRESHOLD = 128;

/** Stretches each channel so that its lowest value becomes 0 and its highest 255. A channel with a single value stays. */
export function autoContrast(image: RgbImage): void {
  for (let channel = 0; channel < CHANNELS; channel++) {
    const counts = histogram(image, channel);
    const low = counts.findIndex((count) => count > 0);
    const high = counts.findLastIndex((count) => count > 0);
    if (high <= low) continue;
    const scale = 255 / (high - low);
    const offset = -low * scale;
    mapChannel(image, channel, (value) => Math.min(255, Math.max(0, Math.trunc(value * scale + offset))));
  }
}

/**
 * Histogram equalisation of each channel. Value v becomes the number of pixels below v in units of `step`, where step is 1/255 of
 * the number of pixels without those of the highest value. A channel stays where that step is 0.
 */
export function equalize(image: RgbImage): void {
  for (let channel = 0; channel < CHANNELS; channel++) {
    const counts = histogram(image, channel);
    const highest = counts.findLast((count) => count > 0) ?? 0;
    const step = Math.floor((image.height * image.width - highest) / 255);
    if (step === 0) continue;
    let below = Math.floor(step / 2);
    const table = Array.from(counts, (count) => {
      const value = Math.min(255, Math.floor(below / step));
      below += count;
      return value;
    });
    mapChannel(image, channel, (value) => table[value]);
  }
}

/** Replaces each value v by 255 - v. */
export function invert(image: RgbImage): void {
  mapValues(image, (value) => 255 - value);
}

/**
 * Keeps the highest `bits` bits of each value. 0 bits keep one, since TensorFlow shifts a byte by at most 7.
 *
 * @param bits in [0, 8]
 */
export function posterize(image: RgbImage, bits: number): void {
  const shift = Math.min(7, 8 - bits);
  mapValues(image, (value) => (value >> shift) << shift);
}

/** Inverts values of at least `threshold`. With 256 the image stays. */
export function solarize(image: RgbImage, threshold: number): void {
  mapValues(image, (value) => (value < threshold ? value : 255 - value));
}

/** Adds to the values below 128, clipped at 255. */
export function solarizeAdd(image: RgbImage, addition: number): void {
  mapValues(image, (value) => (value < SOLARIZE_ADD_THRESHOLD ? Math.min(255, Math.max(0, value + addition)) : value));
}

/** Changes the saturation: factor 0 gives grey, 1 the image itself, and larger factors stronger colours. */
export function color({ pixels }: RgbImage, factor: number): void {
  for (let at = 0; at < pixels.length; at += CHANNELS) {
    const grey = luma(pixels, at);
    for (let i = at; i < at + CHANNELS; i++) pixels[i] = blend(grey, pixels[i], factor);
  }
}

/**
 * Changes the contrast: scales the distance from the mean grey of the image, as Pillow does. The official file divides the number
 * of pixels by 256 instead of averaging. The policy v0 does not use this operation.
 */
export function contrast(image: RgbImage, factor: number): void {
  const { pixels, height, width } = image;
  let sum = 0;
  for (let at = 0; at < pixels.length; at += CHANNELS) sum += luma(pixels, at);
  const mean = Math.floor(sum / (height * width) + 0.5);
  mapValues(image, (value) => blend(mean, value, factor));
}

/** Multiplies each value: factor 0 gives black, 1 the image itself. */
export function brightness(image: RgbImage, factor: number): void {
  mapValues(image, (value) => blend(0, value, factor));
}

/**
 * Changes the sharpness: factor 0 smooths by the mean over 3 x 3 pixels with weight 5 at the centre, 1 gives the image itself,
 * larger factors sharpen. The border pixels stay.
 */
export function sharpness({ pixels, height, width }: RgbImage, factor: number): void {
  const source = pixels.slice();
  const right = CHANNELS;
  const down = width * CHANNELS;
  for (let row = 1; row < height - 1; row++) {
    for (let i = row * down + right; i < (row + 1) * down - right; i++) {
      let sum = 4 * source[i];
      for (const line of [i - down, i, i + down]) sum += source[line - right] + source[line] + source[line + right];
      pixels[i] = blend(Math.floor(sum / 13), source[i], factor);
    }
  }
}

/** Rotates the image about its centre, counterclockwise for positive angles. */
export function rotate(image: RgbImage, degrees: number): void {
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  const right = image.width - 1;
  const bottom = image.height - 1;
  const x = [cos, -sin, (right - (cos * right - sin * bottom)) / 2] as const;
  const y = [sin, cos, (bottom - (sin * right + cos * bottom)) / 2] as const;
  transform(image, x, y);
}

/** Moves each row to the left by `slope` times its index. */
export function shearX(image: RgbImage, slope: number): void {
  transform(image, [1, slope, 0], [0, 1, 0]);
}

/** Moves each column up by `slope` times its index. */
export function shearY(image: RgbImage, slope: number): void {
  transform(image, [1, 0, 0], [slope, 1, 0]);
}

/** Moves the image to the left. */
export function translateX(image: RgbImage, distance: number): void {
  transform(image, [1, 0, distance], [0, 1, 0]);
}

/** Moves the image up. */
export function translateY(image: RgbImage, distance: number): void {
  transform(image, [1, 0, 0], [0, 1, distance]);
}

/** Makes a square grey: rows and columns from centre - half to centre + half (exclusive). */
export function cutout({ pixels, height, width }: RgbImage, row: number, column: number, half: number): void {
  const left = Math.max(0, column - half);
  const right = Math.min(width, column + half);
  for (let y = Math.max(0, row - half); y < Math.min(height, row + half); y++) {
    pixels.fill(FILL, (y * width + left) * CHANNELS, (y * width + right) * CHANNELS);
  }
}

/**
 * Pixel (x, y) becomes the pixel nearest to (a x + b y + c, d x + e y + f), or grey where that is outside. Halves are
 * rounded away from zero, as in TensorFlow.
 */
function transform(
  { pixels, height, width }: RgbImage,
  [a, b, c]: readonly [number, number, number],
  [d, e, f]: readonly [number, number, number],
): void {
  const source = pixels.slice();
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += CHANNELS) {
      const column = roundAwayFromZero(a * x + b * y + c);
      const row = roundAwayFromZero(d * x + e * y + f);
      const inside = column >= 0 && column < width && row >= 0 && row < height;
      const from = (row * width + column) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++)
        pixels[at + channel] = inside ? source[from + channel] : FILL;
    }
  }
}

function roundAwayFromZero(value: number): number {
  return value < 0 ? Math.ceil(value - 0.5) : Math.floor(value + 0.5);
}

/**
 * Interpolates from `origin` (factor 0) to `value` (factor 1) and beyond, truncated to a byte; in float32, as Pillow and
 * TensorFlow.
 */
function blend(origin: number, value: number, factor: number): number {
  const mixed = Math.fround(origin + Math.fround(Math.fround(factor) * (value - origin)));
  return Math.min(255, Math.max(0, Math.trunc(mixed)));
}

/** Grey value of a pixel with TensorFlow's weights. TensorFlow converts [0, 1] to bytes by truncating 255.5 times the value. */
function luma(pixels: Uint8Array, at: number): number {
  const sum = 0.2989 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
  return Math.trunc((sum / 255) * 255.5);
}

/** The number of pixels of a channel with each value. */
function histogram({ pixels }: RgbImage, channel: number): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = channel; i < pixels.length; i += CHANNELS) counts[pixels[i]]++;
  return counts;
}

function mapValues(image: RgbImage, map: (value: number) => number): void {
  for (let channel = 0; channel < CHANNELS; channel++) mapChannel(image, channel, map);
}

/** Applies a function to every value of a channel. The function is called once for each of the 256 values. */
function mapChannel({ pixels }: RgbImage, channel: number, map: (value: number) => number): void {
  const table = Uint8Array.from({ length: 256 }, (_, value) => map(value));
  for (let i = channel; i < pixels.length; i += CHANNELS) pixels[i] = table[pixels[i]];
}
