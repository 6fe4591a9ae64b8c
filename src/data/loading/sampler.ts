/** The order in which an epoch visits the images. */

import { KeyedRandom, Purpose, permutation } from "../../random.js";
import { shardOrder } from "../shards/shard-order.js";

export const SAMPLERS = ["uniform", "class-balanced"] as const;

/**
 * `uniform` visits every image once. `class-balanced` visits as many images in total, but equally many of each class. It
 * visits the images of a rare class several times, each time with a new augmentation. Of a frequent class it visits a subset
 * that differs between epochs.
 */
export type Sampler = (typeof SAMPLERS)[number];

/** The N visits of an epoch over N images. */
export interface EpochOrder {
  /** Index of the image of each visit. */
  readonly indices: Uint32Array;
  /** How many times the epoch visited that image before: the stream of its random draws. */
  readonly repeats: Uint32Array;
}

/** The fields of a {@link Dataset} that the order depends on. */
export interface Labelled {
  readonly length: number;
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  readonly samples: Uint32Array;
}

/**
 * The order of an epoch, a pure function of its arguments.
 *
 * @param starts {@link shardStarts} of photos in shards, which are visited mostly shard by shard ({@link shardOrder})
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function epochOrder(
  sampler: Sampler,
  set: Labelled,
  seed: number,
  epoch: number,
  starts?: Uint32Array,
): EpochOrder {
  const balanced = sampler === "uniform" ? undefined : balancedVisits(set, seed, epoch);
  let indices: Uint32Array;
  if (starts === undefined) {
    const order = permutation(seed, Purpose.order, epoch, set.length);
    indices = balanced === undefined ? order : order.map((visit) => balanced[visit]);
  } else {
    const visits = balanced?.sort() ?? Uint32Array.from({ length: set.length }, (_, index) => index);
    indices = shardOrder(visits, starts, seed, epoch);
  }
  if (balanced === undefined) return { indices, repeats: new Uint32Array(set.length) };
  const visits = new Uint32Array(set.length);
  return { indices, repeats: indices.map((index) => visits[index]++) };
}

/** The indices of as many images as the set has, the same number of each class, sorted by class. */
function balancedVisits({ length, classes, labels, samples }: Labelled, seed: number, epoch: number): Uint32Array {
  const members: number[][] = classes.map(() => []);
  labels.forEach((label, index) => {
    members[label].push(index);
  });
  const present = members.filter((indices) => indices.length > 0);
  const visits = new Uint32Array(length);
  let next = 0;
  present.forEach((indices, rank) => {
    // Where the number of visits is not a multiple of the number of classes, other classes get one more in every epoch.
    const share = Math.floor(length / present.length);
    const extra = (rank + epoch) % present.length < length % present.length ? 1 : 0;
    const key = new Map(
      indices.map((index) => [index, new KeyedRandom(seed, Purpose.order, epoch, samples[index], 1).uint32(0)]),
    );
    indices.sort((a, b) => key.get(a)! - key.get(b)! || samples[a] - samples[b]);
    for (let i = 0; i < share + extra; i++) visits[next++] = indices[i % indices.length];
  });
  return visits;
}
