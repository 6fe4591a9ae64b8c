/**
 * Frost on a window pane, made by program. The published sets use five photographs, which cannot be distributed here. So
 * frost is the only corruption that differs from the published one. The textures have the channel means and deviations of
 * these photographs, and so change the brightness and contrast of an image by as much (test/corruptions/frost.test.ts).
 * With photographs of frost (`frost-photographs.ts`) it is the published definition.
 */
import type { RawImage } from "../../images/resize.js";
import { Draws } from "../draws.js";
import { plasma } from "./plasma.js";

/** Raise the version whenever the textures change, so that results measured on older textures are not reused. */
export const MADE_TEXTURES = "made by program, version 2";

type Channels = readonly [red: number, green: number, blue: number];

interface TextureStyle {
  /** Mean and standard deviation of each channel, in grey levels. */
  readonly mean: Channels;
  readonly deviation: Channels;
  /** How many plumes of ice there are, and their mean length in pixels. */
  readonly plumes: number;
  readonly length: number;
  /** How fast ice becomes opaque: large values leave a white pane with dark gaps, small ones bright lines on glass. */
  readonly opacity: number;
}

/**
 * The five textures. Means and deviations are those of the photographs frost1.png to frost5.jpg of the published code
 * (https://github.com/hendrycks/robustness, `ImageNet-C/create_c`); the second and the third have the same.
 */
const STYLES: readonly TextureStyle[] = [
  { mean: [78, 149, 166], deviation: [27, 16, 15], plumes: 22, length: 170, opacity: 0.7 },
  { mean: [201, 205, 215], deviation: [21, 22, 23], plumes: 70, length: 130, opacity: 1.3 },
  { mean: [201, 205, 215], deviation: [21, 22, 23], plumes: 34, length: 220, opacity: 1.3 },
  { mean: [138, 153, 166], deviation: [29, 29, 30], plumes: 30, length: 180, opacity: 0.9 },
  { mean: [112, 123, 135], deviation: [44, 43, 42], plumes: 14, length: 280, opacity: 0.6 },
];

/** Side of a texture, which repeats at its borders: a power of two. */
const SIDE = 512;
/** A stream of random numbers that no published corruption uses. */
const STREAM = 1000;

/** Barbs leave a stem at 60 degrees, the angle at which ice grows. Each barb is a smaller plume. */
const ANGLE = Math.PI / 3;
/** By level: pixels between two barbs, and the length of a barb as a share of its stem. */
const SPACING = [0, 6, 11];
const BARB_LENGTH = [0, 0.4, 0.42];

/** The five textures at their own size; made once. */
let made: readonly RawImage[] | undefined;

/** The five textures from which frost takes its windows unless photographs are given. They repeat at their borders. */
export function madeTextures(): readonly RawImage[] {
  made ??= STYLES.map(drawTexture);
  return made;
}

const shrunk = new WeakMap<RawImage, Map<number, RawImage>>();

/** A texture shrunk by linear interpolation (as published, without smoothing); made once per size. */
export function shrunkTexture(texture: RawImage, factor: number): RawImage {
  if (factor === 1) return texture;
  const bySize = shrunk.get(texture) ?? new Map<number, RawImage>();
  shrunk.set(texture, bySize);
  const known = bySize.get(factor) ?? resized(texture, factor);
  bySize.set(factor, known);
  return known;
}

/** Plumes of ice, each surrounded by a haze of fine crystals, over a cloudy film. */
function drawTexture(style: TextureStyle, index: number): RawImage {
  const draws = new Draws(0, STREAM, 0, index);
  const film = plasma(SIDE, 1.75, draws);
  const ice = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < style.plumes; i++) {
    const length = style.length * draws.uniform(0.5, 1.3);
    drawPlume(
      ice,
      draws.uniform(0, SIDE),
      draws.uniform(0, SIDE),
      draws.uniform(0, 2 * Math.PI),
      length,
      2,
      draws.uniform(0.45, 1),
      draws,
    );
  }
  const haze = blurred(ice, 2);
  const body = blurred(haze, 9);
  const opaque = ice.map((line, i) => {
    const thickness = 0.5 * film[i] ** 2 + line + 0.7 * haze[i] + 0.4 * body[i] + draws.uniform(0, 0.1);
    return 1 - Math.exp(-style.opacity * thickness);
  });
  return { pixels: coloured(opaque, style), height: SIDE, width: SIDE };
}

/**
 * Turns a map into three channels with the style's means and deviations. Rounding and clipping to 8 bits change these a
 * little, and so scale and offset are corrected four times.
 */
function coloured(map: Float64Array, { mean, deviation }: TextureStyle): Uint8Array {
  const pixels = new Uint8ClampedArray(3 * map.length);
  const own = momentsOf(map, 1, 0);
  for (let channel = 0; channel < 3; channel++) {
    let scale = deviation[channel] / own.deviation;
    let offset = mean[channel] - scale * own.mean;
    for (let pass = 0; pass < 4; pass++) {
      for (let i = 0; i < map.length; i++) pixels[3 * i + channel] = offset + scale * map[i];
      const found = momentsOf(pixels, 3, channel);
      const factor = deviation[channel] / found.deviation;
      scale *= factor;
      offset = mean[channel] + factor * (offset - found.mean);
    }
  }
  return new Uint8Array(pixels.buffer);
}

function momentsOf(values: ArrayLike<number>, step: number, first: number): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let i = first; i < values.length; i += step) {
    sum += values[i];
    squares += values[i] ** 2;
  }
  const mean = (sum * step) / values.length;
  return { mean, deviation: Math.sqrt((squares * step) / values.length - mean ** 2) };
}

/** Two box filters of 2 radius + 1 pixels, one after the other, along both axes. The map repeats at its borders. */
function blurred(map: Float64Array, radius: number): Float64Array {
  const result = map.slice();
  for (const step of [1, SIDE, 1, SIDE]) meanAlong(result, step, radius);
  return result;
}

/** Replaces every value by the mean of 2 radius + 1 pixels of its row (step 1) or column (step SIDE), in place. */
function meanAlong(map: Float64Array, step: number, radius: number): void {
  const line = new Float64Array(SIDE);
  for (let start = 0; start < SIDE; start++) {
    const first = start * (step === 1 ? SIDE : 1);
    for (let i = 0; i < SIDE; i++) line[i] = map[first + i * step];
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += line[i & (SIDE - 1)];
    for (let i = 0; i < SIDE; i++) {
      map[first + i * step] = sum / (2 * radius + 1);
      sum += line[(i + radius + 1) & (SIDE - 1)] - line[(i - radius) & (SIDE - 1)];
    }
  }
}

/** A bent stem that gets thinner, with barbs on both sides, like a feather. The barbs are longest along its middle. */
function drawPlume(
  ice: Float64Array,
  x: number,
  y: number,
  direction: number,
  length: number,
  level: number,
  amount: number,
  draws: Draws,
): void {
  const bend = draws.uniform(-0.9, 0.9) / length;
  let angle = direction;
  for (let step = 0; step < length; step++) {
    const along = step / length;
    dab(ice, x, y, amount * (0.35 + 0.22 * (1 - along) * (level + 1)));
    x += Math.cos(angle);
    y += Math.sin(angle);
    angle += bend;
    if (level === 0 || step % SPACING[level] !== 0) continue;
    const barb = Math.sin(Math.PI * (0.1 + 0.9 * along)) * length * BARB_LENGTH[level] * draws.uniform(0.6, 1.1);
    if (barb < 2) continue;
    for (const side of [-1, 1]) {
      drawPlume(ice, x, y, angle + side * ANGLE * draws.uniform(0.75, 1), barb, level - 1, amount, draws);
    }
  }
}

/** Deposits ice on the four pixels around a position. A pixel keeps the larger of its old and new thickness. */
function dab(ice: Float64Array, x: number, y: number, amount: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  for (let j = 0; j < 2; j++) {
    for (let i = 0; i < 2; i++) {
      const share = (i === 0 ? 1 - (x - left) : x - left) * (j === 0 ? 1 - (y - top) : y - top);
      // The side is a power of two, so that the mask wraps around, also for negative positions.
      const at = ((top + j) & (SIDE - 1)) * SIDE + ((left + i) & (SIDE - 1));
      ice[at] = Math.max(ice[at], share * amount);
    }
  }
}

/** Linear interpolation at (i + 1/2) / factor - 1/2, as in OpenCV's `resize`. The texture repeats at its borders. */
function resized({ pixels, height, width }: RawImage, factor: number): RawImage {
  const outHeight = Math.max(1, Math.round(height * factor));
  const outWidth = Math.max(1, Math.round(width * factor));
  const result = new Uint8Array(outHeight * outWidth * 3);
  const wrap = (index: number, n: number): number => ((index % n) + n) % n;
  for (let y = 0; y < outHeight; y++) {
    const sourceY = (y + 0.5) / factor - 0.5;
    const top = Math.floor(sourceY);
    const fy = sourceY - top;
    for (let x = 0; x < outWidth; x++) {
      const sourceX = (x + 0.5) / factor - 0.5;
      const left = Math.floor(sourceX);
      const fx = sourceX - left;
      for (let channel = 0; channel < 3; channel++) {
        const value = (row: number, column: number): number =>
          pixels[3 * (wrap(row, height) * width + wrap(column, width)) + channel];
        const above = (1 - fx) * value(top, left) + fx * value(top, left + 1);
        const below = (1 - fx) * value(top + 1, left) + fx * value(top + 1, left + 1);
        result[3 * (y * outWidth + x) + channel] = Math.round((1 - fy) * above + fy * below);
      }
    }
  }
  return { pixels: result, height: outHeight, width: outWidth };
}
