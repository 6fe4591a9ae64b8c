/** The sequence of random numbers of one corrupted image. */

import { KeyedRandom, Purpose } from "../random.js";

/**
 * Draws keyed by (seed, corruption, severity, sample). So a corrupted image does not depend on what was corrupted before it.
 * In the terms of {@link KeyedRandom}, the severity is the epoch and the corruption is the stream.
 */
export class Draws {
  readonly #random: KeyedRandom;
  #next = 0;

  /** @param corruption index of the corruption in the canonical order */
  constructor(seed: number, corruption: number, severity: number, sample: number) {
    this.#random = new KeyedRandom(seed, Purpose.corruption, severity, sample, corruption);
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.#random.uniform(this.#next++);
  }

  /** Integer in [0, bound). */
  integer(bound: number): number {
    return this.#random.integer(this.#next++, bound);
  }

  /** `count` uniform numbers in [low, high). */
  uniforms(count: number, low = 0, high = 1): Float64Array {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = this.uniform(low, high);
    return values;
  }

  /**
   * `count` normal numbers by the method of Box and Muller, which gives two numbers at a time: r cos(2 pi v) and r sin(2 pi v)
   * with r = sqrt(-2 ln(u + 2^-24)), where u and v are the next two uniform draws.
   */
  normals(count: number, mean = 0, deviation = 1): Float64Array {
    const values = new Float64Array(count + (count & 1));
    for (let i = 0; i < count; i += 2) {
      const radius = deviation * Math.sqrt(-2 * Math.log(this.uniform() + 2 ** -24));
      const angle = 2 * Math.PI * this.uniform();
      values[i] = mean + radius * Math.cos(angle);
      values[i + 1] = mean + radius * Math.sin(angle);
    }
    return values.subarray(0, count);
  }
}
