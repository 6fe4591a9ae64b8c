/**
 * Images with other textures: the shapes stay, local texture and colours are replaced. The purpose is that of Stylized-ImageNet
 * (Geirhos et al. 2019, https://arxiv.org/abs/1811.12231), but without a network and without paintings. docs/stylize.md has the
 * method and measurements.
 */

import { gaussianBlur } from "../../corruptions/operations/taps.js";
import { UsageError } from "../../errors.js";
import { boxMean, guidedFilter } from "../../images/flatten.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import type { Dataset } from "../datasets/dataset.js";
import { TEXTURES, type Texture } from "../shapes/textures.js";

/** The smallest side. A texture does not fit into smaller images. */
const MINIMUM_SIDE = 16;

// Parameters of the flattening. Lengths are in pixels at side 32 and grow with the square root of the side, since large
// photos are sharp too.
const BLUR_SIGMA = 0.45;
const WINDOW_RADIUS = 1.8;
const FLAT_VARIANCE = 0.006;
const PASSES = 3;
/** Radius of the local mean that is subtracted to leave the edges, as a share of the shorter side. */
const SURROUND = 0.25;

/** Number of tones into which an image is split, each with its own style. */
const TONES = 3;
/** Maximum random shift of a boundary between tones, as a share of the pixels. */
const TONE_SHIFT = 0.1;

// Amplitudes in the result, whose luminance is in [0, 1]: of the edges, of the texture's luminance, of the colour of a tone,
// and of the texture's colours. Both colours have the same luminance everywhere.
const EDGES = 0.16;
const TEXTURE = 0.05;
const COLOUR = 0.25;
const TEXTURE_COLOUR = 0.3;

/** Least and greatest period of a texture, as a share of the shorter side. */
const PERIOD = [0.09, 0.25] as const;
const SHARPNESS = 1.2;

export interface StylizeOptions {
  readonly seed: number;
  /** Identity of the image, part of the key of its draws. */
  readonly sample: number;
}

/**
 * A copy of an image with other textures, keyed by (seed, sample).
 *
 * 1. The luminance is flattened by rolling guidance (Zhang et al. 2014). It is blurred and then filtered three times,
 *    each time with the last result as the guide. This removes fine structure and makes the edges of larger structures sharp
 *    again.
 * 2. The mean over a large window is subtracted, and the rest is scaled to a standard deviation of one: these are the
 *    edges. So the brightness of whole regions carries no information. In half of the images the edges change their sign.
 * 3. The flattened image is split into three tones. Each tone gets one of ten textures with random period, direction, shift and
 *    colours, whatever the class.
 * 4. Luminance = 0.5 + 0.16 edges + 0.05 texture. The colours do not change that luminance, and become weaker where they
 *    would leave the range of the pixels. So the luminance shows the edges, and the texture is strong in colour.
 *
 * @param pixels (H, W, 3) uint8, not changed
 * @returns (H, W, 3) uint8
 * @throws UsageError ERR_IMAGE_SIZE where the pixels are not height * width * 3 bytes or a side is under 16 pixels
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function stylize(
  pixels: Uint8Array,
  height: number,
  width: number,
  { seed, sample }: StylizeOptions,
): Uint8Array {
  checkSeed(seed, "stylize");
  if (pixels.length !== height * width * 3 || Math.min(height, width) < MINIMUM_SIDE) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `stylize: pixels must be height * width * 3 bytes (H, W, 3) of an image of at least ${MINIMUM_SIDE} x ${MINIMUM_SIDE}; ` +
        `got ${pixels.length} bytes for ${height} x ${width}.`,
    );
  }
  const random = new KeyedRandom(seed, Purpose.stylization, 0, sample);
  let draw = 0;
  const uniform = (low: number, high: number): number => low + (high - low) * random.uniform(draw++);

  const side = Math.min(height, width);
  const flat = flattened(luminance(pixels), height, width);
  const edges = edgesOf(flat, height, width, uniform(0, 1) < 0.5 ? -1 : 1);
  const limits = toneLimits(flat, uniform);
  const styles = Array.from({ length: TONES }, () => drawStyle(side, uniform));

  const result = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      let tone = 0;
      while (tone < limits.length && flat[at] > limits[tone]) tone++;
      const { texture, cos, sin, left, top, colour, ink } = styles[tone];
      const amount = 2 * texture(x * cos - y * sin + left, x * sin + y * cos + top, SHARPNESS) - 1;
      const bright = Math.min(0.95, Math.max(0.05, 0.5 + EDGES * edges[at] + TEXTURE * amount));
      paint(result, 3 * at, bright, colour[0] + amount * ink[0], colour[1] + amount * ink[1]);
    }
  }
  return result;
}

/** Y of ITU-R BT.601, in [0, 1]. */
function luminance(pixels: Uint8Array): Float64Array {
  return Float64Array.from(
    { length: pixels.length / 3 },
    (_, i) => (0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2]) / 255,
  );
}

/**
 * Rolling guidance (Zhang, Shen, Xu and Jia 2014, "Rolling guidance filter", https://doi.org/10.1007/978-3-319-10578-9_53)
 * with the guided filter as its joint filter.
 */
function flattened(luma: Float64Array, height: number, width: number): Float64Array {
  const scale = Math.sqrt(Math.min(height, width) / 32);
  let guide = gaussianBlur(luma, height, width, 1, BLUR_SIGMA * scale);
  const radius = Math.max(1, Math.round(WINDOW_RADIUS * scale));
  for (let pass = 0; pass < PASSES; pass++) guide = guidedFilter(luma, guide, height, width, radius, FLAT_VARIANCE);
  return guide;
}

/**
 * The image minus its mean over a large window, scaled to a deviation of one. Large values are compressed by tanh(0.6 x) /
 * 0.6.
 */
function edgesOf(flat: Float64Array, height: number, width: number, sign: number): Float64Array {
  const radius = Math.round(SURROUND * Math.min(height, width));
  const surround = boxMean(boxMean(flat, height, width, radius), height, width, radius);
  const edges = flat.map((value, i) => value - surround[i]);
  const deviation = Math.sqrt(edges.reduce((sum, value) => sum + value * value, 0) / edges.length);
  // The constant keeps an image without edges at zero.
  return edges.map((value) => (sign * Math.tanh((0.6 * value) / (deviation + 1e-3))) / 0.6);
}

/** The boundaries between the tones: quantiles near those of equal parts. */
function toneLimits(flat: Float64Array, uniform: (low: number, high: number) => number): number[] {
  const sorted = flat.slice().sort();
  return Array.from({ length: TONES - 1 }, (_, k) => {
    const share = (k + 1) / TONES + uniform(-TONE_SHIFT, TONE_SHIFT);
    return sorted[Math.floor(share * sorted.length)];
  });
}

/** A texture with its position and its colours. */
interface Style {
  readonly texture: Texture;
  /** Rotation and scale, in periods per pixel. */
  readonly cos: number;
  readonly sin: number;
  readonly left: number;
  readonly top: number;
  /** Cr and Cb of the tone, and the amplitude with which the texture changes them. */
  readonly colour: readonly [number, number];
  readonly ink: readonly [number, number];
}

function drawStyle(side: number, uniform: (low: number, high: number) => number): Style {
  const textures = Object.values(TEXTURES);
  const angle = uniform(0, 2 * Math.PI);
  const period = side * uniform(...PERIOD);
  const hue = uniform(0, 2 * Math.PI);
  // A hue that differs from that of the tone.
  const inkHue = hue + uniform(1.5, 4.8);
  return {
    texture: textures[Math.floor(uniform(0, textures.length))],
    cos: Math.cos(angle) / period,
    sin: Math.sin(angle) / period,
    left: uniform(0, 100),
    top: uniform(0, 100),
    colour: [COLOUR * Math.cos(hue), COLOUR * Math.sin(hue)],
    ink: [TEXTURE_COLOUR * Math.cos(inkHue), TEXTURE_COLOUR * Math.sin(inkHue)],
  };
}

/**
 * Writes the pixel of a luminance and of colour differences (ITU-R BT.601), which are scaled down until they fit into the
 * range.
 */
function paint(target: Uint8Array, at: number, luma: number, cr: number, cb: number): void {
  const red = 1.402 * cr;
  const green = -0.344136 * cb - 0.714136 * cr;
  const blue = 1.772 * cb;
  const most = Math.max(red, green, blue, 1e-9);
  const least = Math.min(red, green, blue, -1e-9);
  const share = Math.min(1, (1 - luma) / most, -luma / least);
  target[at] = Math.round(255 * (luma + share * red));
  target[at + 1] = Math.round(255 * (luma + share * green));
  target[at + 2] = Math.round(255 * (luma + share * blue));
}

/**
 * A data set with other textures in every image, keyed by the identity of the sample. Images are computed at every read and not
 * kept.
 *
 * @throws UsageError ERR_SEED
 */
export function stylizedDataset(dataset: Dataset, seed: number): Dataset {
  checkSeed(seed, "stylizedDataset");
  const { classes, length, height, width, labels, samples } = dataset;
  return {
    name: `${dataset.name}, stylised`,
    classes,
    length,
    height,
    width,
    labels,
    samples,
    pixels: (index) => stylize(dataset.pixels(index), height, width, { seed, sample: samples[index] }),
  };
}
