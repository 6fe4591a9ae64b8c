/**
 * Frost on a window pane, made by program. The published sets use five photographs that cannot be passed on here, so
 * that of all corruptions frost alone is not the published one pixel for pixel: only its weights are. With photographs of
 * frost (`frost-photographs.ts`) it is the published definition.
 */

import type { RawImage } from "../images/resize.js";
import { Draws } from "./draws.js";
import { plasma } from "./plasma.js";

const COUNT = 5;
/** Side of a texture, which repeats at its borders. */
const SIDE = 512;
/** A stream beyond those of the corruptions. */
const STREAM = 1000;
/** Colours of bare glass and of thick frost. */
const GLASS = [30, 45, 66];
const ICE = [232, 240, 248];

/** The five textures at their own size; made once. */
let made: readonly RawImage[] | undefined;

/** The five textures, of which frost takes windows unless photographs are given. They repeat at their borders. */
export function madeTextures(): readonly RawImage[] {
  made ??= Array.from({ length: COUNT }, (_, i) => drawTexture(i));
  return made;
}

const shrunk = new WeakMap<RawImage, Map<number, RawImage>>();

/** A texture shrunk linearly (as published, without smoothing); made once per size. */
export function shrunkTexture(texture: RawImage, factor: number): RawImage {
  if (factor === 1) return texture;
  const bySize = shrunk.get(texture) ?? new Map<number, RawImage>();
  shrunk.set(texture, bySize);
  const known = bySize.get(factor) ?? resized(texture, factor);
  bySize.set(factor, known);
  return known;
}

/** Feathers of ice over a cloudy film; each texture has its own size and number of feathers. */
function drawTexture(index: number): RawImage {
  const draws = new Draws(0, STREAM, 0, index);
  const film = plasma(SIDE, 1.7 + 0.1 * index, draws);
  const ice = new Float64Array(SIDE * SIDE);
  const feathers = 110 - 18 * index;
  for (let i = 0; i < feathers; i++) {
    const length = (80 + 50 * index) * draws.uniform(0.5, 1.3);
    drawFeather(ice, draws.uniform(0, SIDE), draws.uniform(0, SIDE), draws.uniform(0, 2 * Math.PI), length, 2, draws);
  }
  const pixels = new Uint8Array(SIDE * SIDE * 3);
  for (let i = 0; i < ice.length; i++) {
    const grain = draws.uniform(-0.06, 0.06);
    const thickness = Math.min(1, Math.max(0, 0.5 * film[i] ** 2 + 1.05 * ice[i] + grain));
    for (let channel = 0; channel < 3; channel++) {
      pixels[3 * i + channel] = GLASS[channel] + (ICE[channel] - GLASS[channel]) * thickness;
    }
  }
  return { pixels, height: SIDE, width: SIDE };
}

/**
 * A slightly bent stem that thins out, with barbs on both sides at 60 degrees, the angle at which ice grows; each barb is
 * a smaller feather.
 */
function drawFeather(
  ice: Float64Array,
  x: number,
  y: number,
  direction: number,
  length: number,
  level: number,
  draws: Draws,
): void {
  const bend = draws.uniform(-0.5, 0.5) / length;
  const spacing = level === 2 ? 8 : 5;
  let angle = direction;
  for (let step = 0; step < length; step++) {
    const left = 1 - step / length;
    dab(ice, x, y, 0.45 + 0.25 * left * (level + 1));
    x += Math.cos(angle);
    y += Math.sin(angle);
    angle += bend;
    if (level === 0 || step % spacing !== 0) continue;
    const barb = left * length * (level === 2 ? 0.35 : 0.4) * draws.uniform(0.5, 1.2);
    const side = (step / spacing) % 2 === 0 ? 1 : -1;
    if (barb > 2) drawFeather(ice, x, y, angle + (side * Math.PI) / 3, barb, level - 1, draws);
  }
}

/** Deposits ice on the four pixels around a position, where thicker ice stays. */
function dab(ice: Float64Array, x: number, y: number, amount: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  for (let j = 0; j < 2; j++) {
    for (let i = 0; i < 2; i++) {
      const share = (i === 0 ? 1 - (x - left) : x - left) * (j === 0 ? 1 - (y - top) : y - top);
      // The side is a power of two: the mask wraps around, negative positions too.
      const at = ((top + j) & (SIDE - 1)) * SIDE + ((left + i) & (SIDE - 1));
      ice[at] = Math.max(ice[at], share * amount);
    }
  }
}

/** Linear interpolation at (i + 1/2) / factor - 1/2, which is OpenCV's `resize`, around the borders. */
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
