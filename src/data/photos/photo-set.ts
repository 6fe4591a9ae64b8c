/** Lists of photos, the input of the loaders. */

import { UsageError } from "../../errors.js";
import { KeyedRandom, Purpose } from "../../random.js";
import { apportion } from "../datasets/subset.js";
import type { ImageFolder, Photo } from "../folders/image-folder.js";

/**
 * The photos of one part in the given order.
 *
 * @param all the part of the folder before anything was split off. A photo's index in it is its identity
 */
export function photoSet(folder: ImageFolder, photos: readonly Photo[], all: readonly Pick<Photo, "file">[]): PhotoSet {
  const identity = new Map(all.map(({ file }, index) => [file, index]));
  return {
    name: folder.name,
    classes: folder.classes,
    length: photos.length,
    root: folder.root,
    files: photos.map(({ file }) => file),
    labels: Int32Array.from(photos, ({ label }) => label),
    samples: Uint32Array.from(photos, ({ file }) => identity.get(file)!),
  };
}

/** The photos of a set for which `keep` holds, in their order. */
export function keepPhotos(set: PhotoSet, keep: (file: string) => boolean): PhotoSet {
  const kept = [...set.files.keys()].filter((index) => keep(set.files[index]));
  return kept.length === set.length ? set : chosenPhotos(set, kept);
}

const chosenPhotos = (set: PhotoSet, chosen: readonly number[]): PhotoSet => ({
  ...set,
  length: chosen.length,
  files: chosen.map((index) => set.files[index]),
  labels: Int32Array.from(chosen, (index) => set.labels[index]),
  samples: Uint32Array.from(chosen, (index) => set.samples[index]),
});

/**
 * A random draw of `limit` photos by seed, or all where there are no more. Each class gives its share (largest remainders). The
 * order of the photos is kept.
 *
 * @throws UsageError ERR_DATA_LIMIT where the limit is not a positive integer
 */
export function limitStratified(set: PhotoSet, limit: number, seed: number): PhotoSet {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError("ERR_DATA_LIMIT", `limitStratified: limit must be a positive integer; got ${limit}.`);
  }
  if (limit >= set.length) return set;
  const members: number[][] = set.classes.map(() => []);
  set.labels.forEach((label, index) => {
    members[label].push(index);
  });
  const counts = apportion(
    members.map((indices) => indices.length),
    limit,
  );
  const rank = Float64Array.from(set.samples, (sample) => new KeyedRandom(seed, Purpose.subset, 0, sample).uint32(0));
  const chosen = members
    .flatMap((indices, label) => indices.sort((a, b) => rank[a] - rank[b] || a - b).slice(0, counts[label]))
    .sort((a, b) => a - b);
  return chosenPhotos(set, chosen);
}

/** The photos of one part of a set. */
export interface PhotoSet {
  readonly name: string;
  readonly classes: readonly string[];
  readonly length: number;
  /** The folder that holds the files. */
  readonly root: string;
  /** (N) relative to the root */
  readonly files: readonly string[];
  /** (N) labels in [0, classes.length) */
  readonly labels: Int32Array;
  /** (N) identity of each photo: the key of its random draws */
  readonly samples: Uint32Array;
}
