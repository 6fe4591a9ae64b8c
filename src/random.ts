/**
 * Keyed random numbers: every draw is a pure function of (seed, purpose, epoch, sample, stream, draw), so that the
 * same run gives the same numbers on any number of workers or ranks, and a resume needs nothing but its counters.
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011, https://doi.org/10.1145/2063384.2063405). The native library draws the same numbers.
 */

import { assert, UsageError } from "./errors.js";

/** What a draw is for: part of its key, so that no two uses of randomness ever share numbers. At most 255. */
export const Purpose = {
  order: 1,
  crop: 2,
  flip: 3,
  attackStart: 4,
  attackTarget: 5,
  dropout: 6,
  stochasticDepth: 7,
  initialization: 8,
  split: 9,
  subset: 10,
  cleanStart: 11,
  augmentation: 12,
  synthesis: 13,
  corruption: 14,
  evaluation: 15,
  stylization: 16,
  noiseSign: 17,
  shuffle: 18,
  colorJitter: 19,
  erasing: 20,
  mixing: 21,
  shards: 22,
} as const;

// Multipliers and Weyl constants of Philox4x32, Salmon et al. 2011, section 4.1 and the authors' philox.h.
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

const TWO_POW_32 = 2 ** 32;
const TWO_POW_MINUS_24 = 2 ** -24;

/** The high 32 bits of the 64-bit product of two unsigned 32-bit integers, unsigned. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // No partial sum reaches 2^32: (2^16 - 1)^2 + 2^16 - 1 < 2^32.
  const low = Math.imul(aLow, bLow) >>> 16;
  const middle1 = (Math.imul(aHigh, bLow) >>> 0) + low;
  const middle2 = (Math.imul(aLow, bHigh) >>> 0) + (middle1 & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16)) >>> 0;
}

/** Philox4x32-10 on scalars: no array is made per block. All arguments are taken modulo 2^32. */
function philoxBlock(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, out: Uint32Array): void {
  let x0 = c0 >>> 0;
  let x1 = c1 >>> 0;
  let x2 = c2 >>> 0;
  let x3 = c3 >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/**
 * One block of Philox4x32-10: four uint32 words from a 128-bit counter and a 64-bit key, least significant word first.
 *
 * @param out receives the four words
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  philoxBlock(counter[0], counter[1], counter[2], counter[3], key[0], key[1], out);
}

/**
 * Checks that a seed is an integer in [0, 2^53), where every integer is exact.
 *
 * @param what the function or option that the message names
 * @throws UsageError ERR_SEED where it is not
 */
export function checkSeed(seed: number, what: string): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new UsageError("ERR_SEED", `${what}: seed must be an integer in [0, 2^53); got ${seed}.`);
}

/**
 * The random numbers of one (seed, purpose, epoch, sample, stream). Draws are addressed, not consumed: `uniform(7)` is
 * the same number whatever was asked before. Consecutive draws are cheap, since a block holds four.
 *
 * Key = seed (low word, high word); counter = [draw >>> 2, sample, epoch, purpose + 256 * stream]; draw j is word
 * j & 3 of its block. Every index is an integer in [0, 2^32), a stream in [0, 2^24).
 */
export class KeyedRandom {
  readonly #keyLow: number;
  readonly #keyHigh: number;
  readonly #sample: number;
  readonly #epoch: number;
  readonly #purpose: number;
  readonly #words = new Uint32Array(4);
  /** Index of the block that #words holds; -1 before the first draw. */
  #block = -1;

  /** @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53) */
  constructor(seed: number, purpose: number, epoch = 0, sample = 0, stream = 0) {
    checkSeed(seed, "KeyedRandom");
    assert(purpose >= 0 && purpose < 256, "a purpose is below 256");
    this.#keyLow = seed % TWO_POW_32;
    this.#keyHigh = Math.floor(seed / TWO_POW_32);
    this.#sample = sample;
    this.#epoch = epoch;
    this.#purpose = purpose + 256 * stream;
  }

  /** Draw number `draw` as an unsigned 32-bit integer. */
  uint32(draw: number): number {
    const block = draw >>> 2;
    if (block !== this.#block) {
      philoxBlock(block, this.#sample, this.#epoch, this.#purpose, this.#keyLow, this.#keyHigh, this.#words);
      this.#block = block;
    }
    return this.#words[draw & 3];
  }

  /** Uniform in [0, 1) on multiples of 2^-24, exact in float32: (u32 >>> 8) * 2^-24. */
  uniform(draw: number): number {
    return (this.uint32(draw) >>> 8) * TWO_POW_MINUS_24;
  }

  /**
   * Integer in [0, bound): floor(u32 * bound / 2^32), exact. The bias is at most bound / 2^32, below 3e-4 even for a
   * million outcomes.
   *
   * @param bound integer in [1, 2^32)
   */
  integer(draw: number, bound: number): number {
    return multiplyHigh(this.uint32(draw), bound);
  }

  /**
   * Standard normal number `draw`, by Box and Muller (1958) from the uniform draws 2j and 2j + 1:
   * sqrt(-2 ln u1) * cos(2 pi u2) with u1 = ((u32 >>> 8) + 1) * 2^-24 in (0, 1], so that the logarithm is finite.
   * Magnitudes reach 5.77.
   */
  normal(draw: number): number {
    const u1 = ((this.uint32(2 * draw) >>> 8) + 1) * TWO_POW_MINUS_24;
    const u2 = this.uniform(2 * draw + 1);
    return Math.sqrt(-2 * Math.log(u1)) * Math.cos(2 * Math.PI * u2);
  }
}

/**
 * A permutation of 0 .. length - 1, by the shuffle of Fisher and Yates with the draws of sample 0.
 *
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function permutation(seed: number, purpose: number, epoch: number, length: number): Uint32Array {
  const random = new KeyedRandom(seed, purpose, epoch);
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let last = length - 1; last > 0; last--) {
    const chosen = random.integer(length - 1 - last, last + 1);
    const held = order[last];
    order[last] = order[chosen];
    order[chosen] = held;
  }
  return order;
}
