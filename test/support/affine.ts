/** Affine classifiers, whose nearest adversarial examples are known. */
import type { LogitsFunction } from "../../src/attacks/attack.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { fromArray, keep, scope, type Tensor } from "../../src/tensor/index.js";
import { linear, reshape } from "../../src/tensor/operators.js";

export interface Affine {
  /** K rows of D weights. */
  readonly weight: readonly (readonly number[])[];
  readonly bias: readonly number[];
  readonly logits: LogitsFunction;
  /** The class of each image. */
  classOf(image: readonly number[]): number;
}

const draws = (seed: number, count: number, scale: number): number[] => {
  const random = new KeyedRandom(seed, Purpose.synthesis);
  return Array.from({ length: count }, (_, i) => scale * (2 * random.uniform(i) - 1));
};

/** A random affine classifier of K classes over images of D numbers, float64. */
export function affineClassifier(classes: number, dimension: number, seed: number): Affine {
  const flat = draws(seed, classes * dimension, 1);
  const weight = Array.from({ length: classes }, (_, k) => flat.slice(k * dimension, (k + 1) * dimension));
  // Each class's logit is centred at the middle of the box.
  const bias = weight.map((row) => -row.reduce((total, value) => total + value, 0) / 2);
  const w = keep(fromArray(flat, [classes, dimension], "float64"));
  const b = keep(fromArray(bias, [classes], "float64"));
  const scores = (image: readonly number[]) =>
    weight.map((row, k) => row.reduce((total, value, i) => total + value * image[i], bias[k]));
  return {
    weight,
    bias,
    logits: (x) => scope(() => linear(reshape(x, [x.shape[0], dimension]), w, b)),
    classOf(image) {
      const values = scores(image);
      return values.indexOf(Math.max(...values));
    },
  };
}

/** N images [N, 3, S, S], float64, each number within `spread` of 0.5, and their numbers. */
export function smallImages(count: number, side: number, seed: number, spread: number): [Tensor, number[][]] {
  const size = 3 * side * side;
  const flat = draws(seed, count * size, spread).map((value) => 0.5 + value);
  const rows = Array.from({ length: count }, (_, n) => flat.slice(n * size, (n + 1) * size));
  return [keep(fromArray(flat, [count, 3, side, side], "float64")), rows];
}

/**
 * The distance from an image to the hyperplane <w, x> + b = 0 within the box, by bisection over how far it goes: an
 * independent way to what toHyperplane computes. Infinity where the box does not reach it.
 */
export function distanceToHyperplane(norm: "linf" | "l2", image: readonly number[], w: readonly number[], b: number) {
  const missing = -w.reduce((total, value, i) => total + value * image[i], b);
  const sign = Math.sign(missing);
  const moves = (level: number) =>
    w.map((value, i) => {
      const up = sign * value > 0;
      const wanted = norm === "linf" ? level : level * Math.abs(value);
      return (up ? 1 : -1) * Math.min(wanted, up ? 1 - image[i] : image[i]);
    });
  const reached = (level: number) => moves(level).reduce((total, move, i) => total + move * w[i], 0) * sign;
  let [low, high] = [0, 1e6];
  if (reached(high) < Math.abs(missing)) return Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (reached(middle) < Math.abs(missing)) low = middle;
    else high = middle;
  }
  const delta = moves(high);
  return norm === "linf" ? Math.max(...delta.map(Math.abs)) : Math.hypot(...delta);
}

/** The distance from an image to the nearest other class of an affine classifier, within the box. */
export function nearestDistance(
  norm: "linf" | "l2",
  { weight, bias }: Affine,
  image: readonly number[],
  label: number,
) {
  const distances = weight.map((row, k) =>
    k === label
      ? Number.POSITIVE_INFINITY
      : distanceToHyperplane(
          norm,
          image,
          row.map((value, i) => value - weight[label][i]),
          bias[k] - bias[label],
        ),
  );
  return Math.min(...distances);
}
