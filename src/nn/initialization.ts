/** Initial values of parameters, keyed by (seed, parameter): adding an auxiliary route changes none of the others. */
import { KeyedRandom, Purpose } from "../random.js";

/** Fills an array with initial values. `stream` tells parameters apart. */
export type Initializer = (out: Float32Array, seed: number, stream: number) => void;

export const zeros: Initializer = (out) => void out.fill(0);
export const ones: Initializer = (out) => void out.fill(1);

/** Normal with the given standard deviation. */
export function normal(deviation: number): Initializer {
  return (out, seed, stream) => {
    const random = new KeyedRandom(seed, Purpose.initialization, 0, 0, stream);
    for (let i = 0; i < out.length; i++) out[i] = random.normal(i) * deviation;
  };
}

/** Uniform in [-bound, bound). */
export function uniform(bound: number): Initializer {
  return (out, seed, stream) => {
    const random = new KeyedRandom(seed, Purpose.initialization, 0, 0, stream);
    for (let i = 0; i < out.length; i++) out[i] = (2 * random.uniform(i) - 1) * bound;
  };
}

/**
 * Normal with deviation sqrt(2 / fanOut), fanOut = outputs * size^2 / groups: keeps the variance of gradients through
 * a rectifier. Source: He et al. 2015, Delving deep into rectifiers, section 2.2, https://arxiv.org/abs/1502.01852
 */
export const heFanOut = (outputs: number, size: number, groups: number): Initializer =>
  normal(Math.sqrt((2 * groups) / (outputs * size * size)));
