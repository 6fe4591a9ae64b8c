/**
 * Square Attack: random search by squares, which needs only the logits of a classifier. Andriushchenko, Croce,
 * Flammarion and Hein 2020, "Square Attack: a query-efficient black-box adversarial attack via random search",
 * https://arxiv.org/abs/1912.00049
 */
import { UsageError } from "../../errors.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import { checkEuclidean, checkPixelUnits } from "./distance-rules.js";
import { firstPatches, largestSide, moveWindow } from "./square-l2.js";

/** The norms by name: largest change of a pixel, and Euclidean distance between images. */
export type Norm = "linf" | "l2";

export interface SquareOptions {
  readonly norm: Norm;
  /** Radius of the ball, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Largest number of queries per image; by default AutoAttack's 5000. */
  readonly queries?: number;
  readonly seed: number;
  /** Part of the key of the draws, different for each restart; by default 0. */
  readonly epoch?: number;
}

/** The images to attack: N images of three channels. */
export interface SquareImages {
  /** (N, H, W, 3) in [0, range] */
  readonly pixels: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  /** (N) sample numbers, which key the draws */
  readonly samples: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  /** The largest value of a pixel. With 255 every image stays on the grid of 8-bit pixels, with 1 it need not. */
  readonly range: 1 | 255;
}

/** Images whose logits the search needs. */
export interface SquareQuery {
  /** (M, H, W, 3) in [0, range] */
  readonly pixels: Float32Array;
  /** For each, the index of its original image, in rising order. */
  readonly indices: readonly number[];
}

/** Share of an image's pixels in the first squares; AutoAttack's value for both norms. */
const FIRST_SHARE = 0.8;
/** The share halves after these numbers of queries, out of 10,000 (section 5 of the paper; 500 is from its code). */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

// Streams of random draws for attacks: the random start in the ball uses 0 and 1.
const FIRST_STREAM = 2;
const QUERY_STREAM = 3;

/**
 * The search as a coroutine: it yields images and receives their logits (M, K). The caller may compute them in any way, synchronously or
 * not. It returns the last accepted version of each image, (N, H, W, 3).
 *
 * The loss is the margin z_y - max_{i != y} z_i. In the L-infinity norm the perturbation starts as vertical stripes of +-epsilon, and a
 * query sets a square at a random position to +-epsilon in each channel (Algorithms 1 and 2). In the L2 norm it starts as a grid of
 * patches, and a query moves the perturbation of one window into another (Algorithm 3, in square-l2.ts). A query that lowers the margin
 * is accepted. An image is done once its margin is negative.
 *
 * On the 8-bit grid an L-infinity epsilon is rounded down to a multiple of 1/255. An L2 perturbation is rounded to the grid and scaled
 * down, by 1 % at a time, until it lies in the ball.
 *
 * Departures from the paper: every draw is keyed by seed, epoch, sample and query; a square that changes nothing is not drawn again.
 *
 * @throws ERR_EPSILON an epsilon outside (0, 1) in the L-infinity norm, or on the grid below 1/255
 * @throws ERR_QUERIES the queries are not a positive integer
 * @throws ERR_IMAGE_SIZE in the L2 norm, images smaller than 5 pixels
 */
export function* squareSearch(
  images: SquareImages,
  options: SquareOptions,
): Generator<SquareQuery, Float32Array, ArrayLike<number>> {
  const { queries = 5000 } = options;
  checkOptions(images, options, queries);
  const { labels, height, width } = images;
  const size = height * width * 3;
  const accepted = Float32Array.from({ length: images.labels.length * size }, (_, i) => images.pixels[i]);
  const margins = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY);
  const searches = Array.from(labels, (_, i) => new ImageSearch(images, i, options));

  let active = Array.from(labels, (_, i) => i);
  for (let query = 0; query < queries && active.length > 0; query++) {
    const side = Math.sqrt(squareShare(query, queries) * height * width);
    const pixels = new Float32Array(active.length * size);
    active.forEach((index, row) => {
      const current = accepted.subarray(index * size, (index + 1) * size);
      searches[index].propose(query, side, current, pixels.subarray(row * size, (row + 1) * size));
    });
    const logits = yield { pixels, indices: active };
    const classes = logits.length / active.length;
    active = active.filter((index, row) => {
      const margin = marginOf(logits, row * classes, classes, labels[index]);
      if (margin < margins[index]) {
        margins[index] = margin;
        accepted.set(pixels.subarray(row * size, (row + 1) * size), index * size);
      }
      return !(margins[index] < 0);
    });
  }
  return accepted;
}

/** The share of an image's pixels in a square: 0.8, halved after 10, 50, 200, ... of 10,000 queries. */
export function squareShare(query: number, queries: number): number {
  const scaled = Math.floor((query / queries) * 10_000);
  return FIRST_SHARE / 2 ** HALVINGS.filter((after) => scaled > after).length;
}

/** The search for one image. */
class ImageSearch {
  readonly #norm: Norm;
  /** Radius in the unit of the pixels. */
  readonly #epsilon: number;
  readonly #range: 1 | 255;
  readonly #original: Float32Array;
  readonly #height: number;
  readonly #width: number;
  readonly #first: KeyedRandom;
  readonly #draws: KeyedRandom;

  constructor({ pixels, samples, height, width, range }: SquareImages, index: number, options: SquareOptions) {
    const size = height * width * 3;
    const { norm, epsilon, seed, epoch = 0 } = options;
    this.#norm = norm;
    // Adds a tiny amount, so that 8/255 * 255 gives 8 in spite of rounding.
    this.#epsilon = norm === "linf" && range === 255 ? Math.floor(epsilon * 255 + 1e-6) : epsilon * range;
    this.#range = range;
    this.#original = Float32Array.from({ length: size }, (_, i) => pixels[index * size + i]);
    this.#height = height;
    this.#width = width;
    this.#first = new KeyedRandom(seed, Purpose.attackStart, epoch, samples[index], FIRST_STREAM);
    this.#draws = new KeyedRandom(seed, Purpose.attackStart, epoch, samples[index], QUERY_STREAM);
  }

  /** Writes the image of a query. `side` is that of the square before it is rounded. */
  propose(query: number, side: number, current: Float32Array, target: Float32Array): void {
    target.set(current);
    if (this.#norm === "linf") {
      if (query === 0) this.#stripes(target);
      else this.#square(query, Math.max(1, Math.round(side)), target);
      return;
    }
    const shape = { height: this.#height, width: this.#width };
    const delta = Float64Array.from(current, (value, i) => value - this.#original[i]);
    if (query === 0) firstPatches(delta, shape, this.#first);
    else moveWindow(delta, shape, largestSide(side, shape), this.#epsilon, this.#draws, query);
    this.#place(delta, target);
  }

  #stripes(target: Float32Array): void {
    for (let i = 0; i < target.length; i++) {
      const stripe = i % (this.#width * 3);
      target[i] = this.#moved(i, this.#first.integer(stripe, 2) === 1);
    }
  }

  #square(query: number, side: number, target: Float32Array): void {
    const [height, width] = [Math.min(side, this.#height), Math.min(side, this.#width)];
    // Five of the eight draws of a block.
    const top = this.#draws.integer(8 * query, this.#height - height + 1);
    const left = this.#draws.integer(8 * query + 1, this.#width - width + 1);
    for (let channel = 0; channel < 3; channel++) {
      const up = this.#draws.integer(8 * query + 2 + channel, 2) === 1;
      for (let row = top; row < top + height; row++) {
        for (let column = left; column < left + width; column++) {
          const i = (row * this.#width + column) * 3 + channel;
          target[i] = this.#moved(i, up);
        }
      }
    }
  }

  #moved(i: number, up: boolean): number {
    return this.#clip(this.#original[i] + (up ? this.#epsilon : -this.#epsilon));
  }

  /** original + epsilon delta / |delta|, clipped, and on the grid rounded so that it stays in the ball. */
  #place(delta: Float64Array, target: Float32Array): void {
    const length = Math.sqrt(delta.reduce((total, value) => total + value * value, 0));
    if (length === 0) return;
    for (let scale = this.#epsilon / length; ; scale *= 0.99) {
      let squares = 0;
      for (let i = 0; i < delta.length; i++) {
        const moved = this.#clip(this.#original[i] + scale * delta[i]);
        target[i] = this.#range === 255 ? Math.round(moved) : moved;
        squares += (target[i] - this.#original[i]) ** 2;
      }
      if (this.#range === 1 || Math.sqrt(squares) <= this.#epsilon) return;
    }
  }

  #clip(value: number): number {
    return Math.min(this.#range, Math.max(0, value));
  }
}

/** The logit of the label minus the largest other logit; negative if the image is misclassified. */
function marginOf(logits: ArrayLike<number>, offset: number, classes: number, label: number): number {
  let other = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classes; k++) if (k !== label && logits[offset + k] > other) other = logits[offset + k];
  return logits[offset + label] - other;
}

function checkOptions({ range, height, width }: SquareImages, options: SquareOptions, queries: number): void {
  const { norm, epsilon, seed } = options;
  checkSeed(seed, "square");
  if (!Number.isInteger(queries) || queries < 1) {
    throw new UsageError("ERR_QUERIES", `square: queries must be a positive integer; got ${queries}`);
  }
  (norm === "linf" ? checkPixelUnits : checkEuclidean)(epsilon, "square: epsilon");
  if (norm === "linf" && range === 255 && epsilon * 255 + 1e-6 < 1) {
    throw new UsageError(
      "ERR_EPSILON",
      `square: epsilon must be at least 1/255 for 8-bit pixels, because no smaller change exists; got ${epsilon}`,
    );
  }
  if (norm === "l2" && Math.min(height, width) < 5) {
    throw new UsageError("ERR_IMAGE_SIZE", `square: images must be at least 5 pixels wide; got ${width} x ${height}`);
  }
}
