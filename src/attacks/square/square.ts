/**
 * Square Attack: random search by squares, which needs nothing of a classifier but its logits. Andriushchenko, Croce,
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
  /** Most queries for each image; AutoAttack's 5000 unless given. */
  readonly queries?: number;
  readonly seed: number;
  /** Tells restarts apart; 0 unless given. */
  readonly epoch?: number;
}

/** What is attacked: N images of three channels. */
export interface SquareImages {
  /** (N, H, W, 3) in [0, range] */
  readonly pixels: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  /** (N) keys of the draws */
  readonly samples: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  /** The largest value of a pixel: 255 keeps every image on the grid of 8-bit pixels, 1 leaves it. */
  readonly range: 1 | 255;
}

/** Images that the search wants the logits of. */
export interface SquareQuery {
  /** (M, H, W, 3) in [0, range] */
  readonly pixels: Float32Array;
  /** Which of the images each is a version of, rising. */
  readonly indices: readonly number[];
}

/** Share of an image's pixels in the first squares: AutoAttack's value for both norms. */
const FIRST_SHARE = 0.8;
/** After how many of 10,000 queries the share halves (section 5 of the paper, and 500 as its code has it). */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

// Streams of the attack's purpose: the ball's own start has 0 and 1.
const FIRST_STREAM = 2;
const QUERY_STREAM = 3;

/**
 * The search as a coroutine: it yields images, and is given their logits (M, K). Who drives it may compute them in any
 * way, at once or later. It returns the last image that it accepted of each, (N, H, W, 3).
 *
 * The loss is the margin z_y - max_{i != y} z_i. In the L-infinity norm an image starts from vertical stripes of
 * +-epsilon, and a query sets a square at a random place to +-epsilon in each channel (Algorithms 1 and 2). In the L2
 * norm it starts from a grid of patches, and a query moves the perturbation of one window into another (Algorithm 3, in
 * square-l2.ts). A query that lowers the margin is accepted; an image is done once its margin is negative.
 *
 * On the 8-bit grid an L-infinity epsilon is rounded down to a multiple of 1/255, and an L2 perturbation is rounded to
 * the grid and scaled down, by 1 % at a time, until it lies in the ball.
 *
 * Departures: every draw is keyed by seed, epoch, sample and query; a square that changes nothing is not drawn anew.
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

/** The queries of one image. */
class ImageSearch {
  readonly #norm: Norm;
  /** In the unit of the pixels. */
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
    // A hair more, so that 8/255 * 255 is 8.
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
    // Five draws of a block of eight.
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

/** logit of the label less the largest other one; negative where the image is misclassified. */
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
      `square: epsilon must be at least 1/255 for 8-bit pixels, as no smaller change exists; got ${epsilon}`,
    );
  }
  if (norm === "l2" && Math.min(height, width) < 5) {
    throw new UsageError("ERR_IMAGE_SIZE", `square: images must be at least 5 pixels wide; got ${width} x ${height}`);
  }
}
