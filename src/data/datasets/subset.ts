/** Parts of a data set: views that share its pixels and keep the identity of every sample. */

import { UsageError } from "../../errors.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import type { Dataset } from "./dataset.js";

/**
 * The samples at `indices`, in that order, sharing the pixels of `dataset`.
 *
 * @throws UsageError ERR_DATA_INDEX where an index is not in [0, dataset.length)
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const chosen = Uint32Array.from(indices);
  for (let i = 0; i < chosen.length; i++) {
    if (chosen[i] === indices[i] && chosen[i] < dataset.length) continue;
    throw new UsageError(
      "ERR_DATA_INDEX",
      `subset: indices must be integers in [0, ${dataset.length - 1}], the samples of ${dataset.name}; got ${indices[i]}.`,
    );
  }
  return {
    name: dataset.name,
    classes: dataset.classes,
    length: chosen.length,
    height: dataset.height,
    width: dataset.width,
    labels: Int32Array.from(chosen, (index) => dataset.labels[index]),
    samples: chosen.map((index) => dataset.samples[index]),
    pixels: (index) => dataset.pixels(chosen[index]),
  };
}

/**
 * The first `limit` samples in file order, or the whole set where it has fewer.
 *
 * @throws UsageError ERR_DATA_LIMIT where the limit is not a positive integer
 */
export function limitPrefix(dataset: Dataset, limit: number): Dataset {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError("ERR_DATA_LIMIT", `limitPrefix: limit must be a positive integer; got ${limit}.`);
  }
  if (limit >= dataset.length) return dataset;
  return subset(
    dataset,
    Array.from({ length: limit }, (_, i) => i),
  );
}

/**
 * Splits a validation set of round(N * fraction) samples off a training set. Each class gives its share, rounded down or up
 * (largest remainders first). The choice depends only on the seed and the identities of the samples, never on their order.
 * Both parts keep the order of the set.
 *
 * @param fraction share of the validation part, in (0, 1)
 * @throws UsageError ERR_VALIDATION_FRACTION where the fraction is outside (0, 1) or leaves one part empty
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function splitValidation(
  dataset: Dataset,
  fraction: number,
  seed: number,
): { train: Dataset; validation: Dataset } {
  checkSeed(seed, "splitValidation");
  if (!(fraction > 0 && fraction < 1)) {
    const hint = fraction >= 1 && fraction < 100 ? ` Did you mean ${fraction / 100}?` : "";
    throw new UsageError(
      "ERR_VALIDATION_FRACTION",
      `splitValidation: fraction must be in (0, 1), a share of the training images; got ${fraction}.${hint}`,
    );
  }
  const total = Math.round(dataset.length * fraction);
  if (total === 0 || total === dataset.length) {
    const empty = total === 0 ? "validation" : "training";
    throw new UsageError(
      "ERR_VALIDATION_FRACTION",
      `splitValidation: fraction ${fraction} of ${dataset.length} images leaves no ${empty} image; choose another fraction.`,
    );
  }

  const members: number[][] = dataset.classes.map(() => []);
  dataset.labels.forEach((label, index) => {
    members[label].push(index);
  });
  const counts = apportion(
    members.map((indices) => indices.length),
    total,
  );

  const inValidation = new Uint8Array(dataset.length);
  const rank = Float64Array.from(dataset.samples, (sample) =>
    new KeyedRandom(seed, Purpose.split, 0, sample).uint32(0),
  );
  members.forEach((indices, label) => {
    indices.sort((a, b) => rank[a] - rank[b] || dataset.samples[a] - dataset.samples[b]);
    for (const index of indices.slice(0, counts[label])) inValidation[index] = 1;
  });

  const train: number[] = [];
  const validation: number[] = [];
  inValidation.forEach((chosen, index) => {
    (chosen ? validation : train).push(index);
  });
  return { train: subset(dataset, train), validation: subset(dataset, validation) };
}

/** Splits `total` in proportion to `sizes` by largest remainders. Ties go to the lower index. Empty sizes get 0. */
export function apportion(sizes: readonly number[], total: number): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const counts = sizes.map((size) => Math.floor((size * total) / all));
  // Integer remainders, so that classes of equal size tie exactly.
  const remainders = sizes.map((size) => (size * total) % all);
  const missing = total - counts.reduce((sum, count) => sum + count, 0);
  const byRemainder = sizes.map((_, i) => i).sort((a, b) => remainders[b] - remainders[a] || a - b);
  for (const i of byRemainder.slice(0, missing)) counts[i]++;
  return counts;
}
