/** Finds the groups of pictures that are copies of each other. */

import { areNearDuplicates, type Fingerprint, MAX_HASH_DISTANCE } from "./fingerprint.js";

/**
 * Groups of near-duplicates. Two pictures are in one group where a chain of near-duplicates connects them.
 *
 * Hashes that differ in at most d bits are equal in at least one of d + 1 bands. So only pictures with an equal band are
 * compared: about N^2 / 28 pairs.
 *
 * @param fingerprints undefined for a picture without a fingerprint, which is in no group
 * @returns groups of two or more ascending indices, sorted by their first index
 */
export function nearDuplicateGroups(fingerprints: readonly (Fingerprint | undefined)[]): number[][] {
  const groups = new DisjointSets(fingerprints.length);
  for (let band = 0; band <= MAX_HASH_DISTANCE; band++) {
    const buckets = new Map<number, number[]>();
    fingerprints.forEach((fingerprint, index) => {
      if (fingerprint === undefined) return;
      const key = bandOf(fingerprint, band);
      const members = buckets.get(key) ?? [];
      for (const other of members) {
        if (groups.joined(other, index)) continue;
        if (areNearDuplicates(fingerprints[other]!, fingerprint)) groups.join(other, index);
      }
      members.push(index);
      buckets.set(key, members);
    });
  }
  return groups.list().filter((group) => group.length > 1);
}

/** Bits i of the hash with i % (MAX_HASH_DISTANCE + 1) == band, so that every band has low and high frequencies. */
function bandOf({ low, high }: Fingerprint, band: number): number {
  let key = 0;
  for (let bit = band; bit < 64; bit += MAX_HASH_DISTANCE + 1) {
    key = (key << 1) | (((bit < 32 ? low : high) >>> (bit & 31)) & 1);
  }
  return key;
}

/** Disjoint sets of the numbers 0 .. length - 1. */
class DisjointSets {
  readonly #parent: Uint32Array;

  constructor(length: number) {
    this.#parent = Uint32Array.from({ length }, (_, i) => i);
  }

  /** The smallest member, which represents its set. */
  #root(index: number): number {
    const parent = this.#parent;
    while (parent[index] !== index) {
      parent[index] = parent[parent[index]];
      index = parent[index];
    }
    return index;
  }

  joined(a: number, b: number): boolean {
    return this.#root(a) === this.#root(b);
  }

  join(a: number, b: number): void {
    const [first, second] = [this.#root(a), this.#root(b)].sort((x, y) => x - y);
    this.#parent[second] = first;
  }

  list(): number[][] {
    const sets = new Map<number, number[]>();
    this.#parent.forEach((_, index) => {
      const root = this.#root(index);
      sets.set(root, [...(sets.get(root) ?? []), index]);
    });
    return [...sets.values()];
  }
}
