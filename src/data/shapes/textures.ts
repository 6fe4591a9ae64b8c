/**
 * Ten textures, one for each class of the built-in set. Each returns the weight of the second colour, 0 to 1, at a position
 * (u, v) in periods of the texture.
 */

/** @param sharpness how steep the transitions are; low where a period has few pixels, to avoid aliasing */
export type Texture = (u: number, v: number, sharpness: number) => number;

/** A sine made of parabolas: period 1, -1 to 1, 0 at 0. */
function wave(t: number): number {
  const x = 2 * (t - Math.floor(t)) - 1;
  return -4 * x * (1 - Math.abs(x));
}

/** A zigzag: period 1, -1 to 1. */
function zigzag(t: number): number {
  return 1 - 4 * Math.abs(t - Math.floor(t) - 0.5);
}

/** 1 for positive values, 0 for negative ones, with a linear transition. */
function ink(value: number, sharpness: number): number {
  const level = 0.5 + value * sharpness;
  return level < 0 ? 0 : level > 1 ? 1 : level;
}

/** A pseudorandom number in [0, 1) for each pair of integers. */
export function lattice(x: number, y: number): number {
  let hash = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/** Smooth noise, 0 to 1: interpolates {@link lattice} between the integers. */
function smoothNoise(u: number, v: number): number {
  const x = Math.floor(u);
  const y = Math.floor(v);
  const fx = (u - x) ** 2 * (3 - 2 * (u - x));
  const fy = (v - y) ** 2 * (3 - 2 * (v - y));
  const above = lattice(x, y) * (1 - fx) + lattice(x + 1, y) * fx;
  const below = lattice(x, y + 1) * (1 - fx) + lattice(x + 1, y + 1) * fx;
  return above * (1 - fy) + below * fy;
}

/** By name. The texture at index k belongs to class k. */
export const TEXTURES: Readonly<Record<string, Texture>> = {
  stripes: (u, _v, sharpness) => ink(wave(u), sharpness),
  chequers: (u, v, sharpness) => ink(2 * wave(u / 1.4) * wave(v / 1.4), sharpness),
  dots: (u, v, sharpness) => {
    const row = Math.floor(v);
    const x = u + 0.5 * (row & 1);
    const fromX = x - Math.floor(x) - 0.5;
    const fromY = v - row - 0.5;
    return ink(2.4 * (0.11 - fromX * fromX - fromY * fromY) * 3, sharpness);
  },
  waves: (u, v, sharpness) => ink(wave(u + 0.35 * wave(v / 2)), sharpness),
  bricks: (u, v, sharpness) => {
    const row = Math.floor(1.3 * v);
    const inRow = 1.3 * v - row - 0.5;
    const x = 0.65 * u + 0.5 * (row & 1);
    const inBrick = x - Math.floor(x) - 0.5;
    return ink(4 * Math.max(Math.abs(inRow) - 0.36, 0.7 * (Math.abs(inBrick) - 0.4)), sharpness);
  },
  rings: (u, v, sharpness) => ink(wave(Math.sqrt(u * u + v * v)), sharpness),
  chevrons: (u, v, sharpness) => ink(wave(u + 0.5 * zigzag(v / 2)), sharpness),
  blotches: (u, v, sharpness) => ink(4 * (smoothNoise(1.1 * u, 1.1 * v) - 0.5), sharpness),
  grid: (u, v, sharpness) => ink(Math.max(wave(u), wave(v)) - 0.55, 1.4 * sharpness),
  speckles: (u, v, sharpness) => ink(3 * (smoothNoise(3.2 * u, 3.2 * v) - 0.5), sharpness),
};
