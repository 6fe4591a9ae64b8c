/** Draws which images and pixels Mixup and CutMix mix. The mixing itself is done later, on the device of the network. */

import { UsageError } from "../../errors.js";
import { KeyedRandom, Purpose } from "../../random.js";
import type { Loader, MixingMask, PixelBatch } from "./batch.js";

/** alpha of Beta(alpha, alpha), the distribution of an image's weight; 0 for none. With both, each image uses one of them. */
export interface Mixing {
  /** Zhang et al. 2018, https://arxiv.org/abs/1710.09412 */
  readonly mixup: number;
  /** Yun et al. 2019, https://arxiv.org/abs/1905.04899 */
  readonly cutmix: number;
}

/**
 * The same batches, each with a mask. The draws are keyed by (seed, epoch, sample, visit).
 *
 * @throws UsageError ERR_MIXING where an alpha is negative
 */
export function withMixing(loader: Loader, mixing: Mixing, seed: number): Loader {
  for (const [name, alpha] of Object.entries(mixing)) {
    if (!(alpha >= 0 && Number.isFinite(alpha))) {
      throw new UsageError("ERR_MIXING", `withMixing: ${name} must be a number of at least 0; got ${alpha}`);
    }
  }
  if (mixing.mixup === 0 && mixing.cutmix === 0) return loader;
  return {
    ...loader,
    async *epoch(epoch, firstStep) {
      for await (const batch of loader.epoch(epoch, firstStep))
        yield { ...batch, mix: maskOf(batch, mixing, seed, epoch) };
    },
  };
}

function maskOf(
  { samples, repeats, height, width }: PixelBatch,
  mixing: Mixing,
  seed: number,
  epoch: number,
): MixingMask {
  const { mixup, cutmix } = mixing;
  const [rows, columns] = cutmix > 0 ? [height, width] : [1, 1];
  const shares = new Float32Array(samples.length * rows * columns);
  samples.forEach((sample, i) => {
    const random = new KeyedRandom(seed, Purpose.mixing, epoch, sample, repeats?.[i] ?? 0);
    const own = shares.subarray(i * rows * columns, (i + 1) * rows * columns);
    const cuts = cutmix > 0 && (mixup === 0 || random.uniform(0) < 0.5);
    const share = drawBeta(random, cuts ? cutmix : mixup, 3);
    own.fill(cuts ? 1 : share);
    if (cuts) cutBox(own, { rows, columns }, share, random);
  });
  return { shares, height: rows, width: columns };
}

/** Gives a rectangle of 1 - share of the area to the partner. Its centre is uniform, and it is clipped at the image's border. */
function cutBox(
  own: Float32Array,
  { rows, columns }: { rows: number; columns: number },
  share: number,
  random: KeyedRandom,
): void {
  const side = Math.sqrt(1 - share);
  const range = (length: number, draw: number): [number, number] => {
    const [half, middle] = [Math.trunc(length * side) / 2, random.integer(draw, length)];
    return [Math.max(0, Math.trunc(middle - half)), Math.min(length, Math.trunc(middle + half))];
  };
  const [top, bottom] = range(rows, 1);
  const [left, right] = range(columns, 2);
  for (let row = top; row < bottom; row++) own.fill(0, row * columns + left, row * columns + right);
}

/**
 * A draw of Beta(alpha, alpha): by Joehnk's method for alpha up to 1, else by Ulrich's polar method (Devroye 1986, Non-Uniform
 * Random Variate Generation, pages 418 and 437).
 *
 * @param first index of the first draw of the key that may be used; the ones after it are used too
 */
export function drawBeta(random: KeyedRandom, alpha: number, first: number): number {
  for (let draw = first; ; draw += 2) {
    const [u, v] = [1 - random.uniform(draw), 1 - random.uniform(draw + 1)];
    if (alpha <= 1) {
      const [x, y] = [u ** (1 / alpha), v ** (1 / alpha)];
      if (x + y <= 1 && x + y > 0) return x / (x + y);
    } else {
      const w = 2 * v - 1;
      const square = u * u + w * w;
      if (square <= 1) return 0.5 + ((u * w) / square) * Math.sqrt(1 - square ** (2 / (2 * alpha - 1)));
    }
  }
}
