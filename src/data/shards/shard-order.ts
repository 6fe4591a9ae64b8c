/** The order in which an epoch visits photos in shards: mostly along each shard, so that disks and servers can read ahead. */

import { KeyedRandom, Purpose, permutation } from "../../random.js";

/** Number of photos from which the next one is drawn. Only their indices are in memory. */
const BUFFER = 10_000;

/**
 * The first photo of each shard; undefined where the files are not in shards.
 *
 * @param files of a set; those of a shard are consecutive
 */
export function shardStarts(files: readonly string[]): Uint32Array | undefined {
  const starts: number[] = [];
  let shard: string | undefined;
  for (const [index, file] of files.entries()) {
    if (shard !== undefined && file.startsWith(shard)) continue;
    shard = /^.*?\.tar\//i.exec(file)?.[0];
    if (shard === undefined) return undefined;
    starts.push(index);
  }
  return Uint32Array.from(starts);
}

/**
 * A shuffle of visits to photos in shards. The shards are in a random order, and each visit is drawn from a buffer of the next
 * {@link BUFFER} ones. A pure function of its arguments.
 *
 * @param visits indices of photos, ascending; a photo that is visited twice is in it twice
 * @param starts {@link shardStarts}
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 */
export function shardOrder(
  visits: Uint32Array,
  starts: Uint32Array,
  seed: number,
  epoch: number,
  buffer = BUFFER,
): Uint32Array {
  const ends = new Uint32Array(starts.length).fill(visits.length);
  const firsts = new Uint32Array(starts.length);
  let at = 0;
  for (let shard = 0; shard < starts.length; shard++) {
    firsts[shard] = at;
    while (at < visits.length && (shard + 1 === starts.length || visits[at] < starts[shard + 1])) at++;
    ends[shard] = at;
  }
  const order = new Uint32Array(visits.length);
  let filled = 0;
  for (const shard of permutation(seed, Purpose.shards, epoch, starts.length)) {
    order.set(visits.subarray(firsts[shard], ends[shard]), filled);
    filled += ends[shard] - firsts[shard];
  }
  // In place: at each position, the buffer consists of the next elements of `order` from there on.
  const random = new KeyedRandom(seed, Purpose.order, epoch);
  for (let place = 0; place < order.length; place++) {
    const chosen = place + random.integer(place, Math.min(buffer, order.length - place));
    const held = order[place];
    order[place] = order[chosen];
    order[chosen] = held;
  }
  return order;
}
