/** Splits photos into parts and keeps copies of a picture in the same part. */

import { listed, numbered, UsageError } from "../../errors.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import { apportion } from "../datasets/subset.js";
import { type InspectionOptions, inspectPhotos } from "../inspection/inspection.js";
import { nearDuplicateGroups } from "../inspection/near-duplicates.js";
import { type BadPhoto, LeftOutPhotos } from "../photos/bad-photos.js";
import { badPhotos } from "../photos/quick-check.js";
import { photoPath } from "../photos/read-photo.js";
import type { UsedPhoto } from "../photos/used-photos.js";
import { type ImageFolder, PARTS, type Part, type Photo } from "./image-folder.js";

/** The photos of each part. A run saves this, so that another run can use the same parts. */
export interface SavedSplit {
  readonly seed: number;
  readonly fractions: PartFractions;
  /** Photos that cannot be read. They are in no part. */
  readonly leftOut?: readonly BadPhoto[];
  /** Groups of near-duplicates that were kept together, relative to the root. */
  readonly nearDuplicates: readonly (readonly string[])[];
  /** Files of each part, relative to the root. */
  readonly parts: Readonly<Record<Part, readonly string[]>>;
}

/** Shares of the photos that are split off, in [0, 1), together below 1. */
export interface PartFractions {
  readonly validation: number;
  readonly test: number;
}

/**
 * Splits photos by class and seed. Near-duplicates stay in one part. Every class gives its share to each part as nearly as its
 * groups of near-duplicates allow. A group with several classes counts for the class of its first photo. Every class keeps a
 * photo for training. The choice depends on the seed and the photos, and not on the number of workers.
 *
 * @param options `leftOut` collects photos that cannot be decoded; without it they are an error
 * @throws UsageError ERR_VALIDATION_FRACTION where the fractions are out of range
 * @throws UsageError ERR_SEED where the seed is not an integer in [0, 2^53)
 * @throws UsageError ERR_BAD_IMAGES where photos cannot be decoded and may not be left out
 */
export async function splitPhotos(
  root: string,
  photos: readonly Photo[],
  fractions: PartFractions,
  seed: number,
  options: InspectionOptions & { readonly leftOut?: LeftOutPhotos } = {},
): Promise<SavedSplit> {
  checkSeed(seed, "splitPhotos");
  const { validation, test } = fractions;
  const { leftOut = new LeftOutPhotos(root, {}) } = options;
  if (!(test >= 0 && test < 1)) {
    throw new UsageError("ERR_VALIDATION_FRACTION", `splitPhotos: \`testFraction\` must be in [0, 1); got ${test}.`);
  }
  const most = Number((1 - test).toPrecision(6));
  if (!(validation >= 0 && validation < most)) {
    const why = test === 0 ? "" : `, because the share ${test} is for testing`;
    throw new UsageError(
      "ERR_VALIDATION_FRACTION",
      `splitPhotos: \`validationFraction\` must be in [0, ${most})${why}, so that photos are left to train on; got ${validation}.`,
    );
  }
  const inspections = await inspectPhotos(
    photos.map(({ file }) => photoPath(root, file)),
    options,
  );
  const bad = badPhotos(
    photos.map(({ file }) => file),
    inspections,
  );
  leftOut.addBefore(bad);
  const good = photos.filter((_, index) => inspections[index].error === undefined);
  const copies = nearDuplicateGroups(
    inspections.flatMap(({ error, fingerprint }) => (error === undefined ? [fingerprint] : [])),
  );
  const partOf = assignParts(good, copies, fractions, seed);
  const files = (part: Part) => good.filter((_, index) => partOf[index] === part).map(({ file }) => file);
  return {
    seed,
    fractions,
    ...(bad.length > 0 && { leftOut: bad }),
    nearDuplicates: copies.map((group) => group.map((index) => good[index].file)),
    parts: { train: files("train"), validation: files("validation"), test: files("test") },
  };
}

/** The part of each photo. Every class keeps at least one in `train`. */
export function assignParts(
  photos: readonly Photo[],
  copies: readonly (readonly number[])[],
  { validation, test }: PartFractions,
  seed: number,
): Part[] {
  const partOf = new Array<Part>(photos.length).fill("train");
  const grouped = new Set(copies.flat());
  const groups = [...copies, ...photos.map((_, index) => [index]).filter(([index]) => !grouped.has(index))];
  const rank = new Map(groups.map((group) => [group, new KeyedRandom(seed, Purpose.split, 0, group[0]).uint32(0)]));
  groups.sort((a, b) => rank.get(a)! - rank.get(b)! || a[0] - b[0]);

  const sizes: number[] = [];
  for (const { label } of photos) sizes[label] = (sizes[label] ?? 0) + 1;
  for (let label = 0; label < sizes.length; label++) sizes[label] ??= 0;
  const quota = {
    validation: apportion(sizes, Math.round(photos.length * validation)),
    test: apportion(sizes, Math.round(photos.length * test)),
  };
  const left = [...sizes];
  for (const group of groups) {
    const { label } = photos[group[0]];
    const part = (["test", "validation"] as const).find((candidate) => quota[candidate][label] >= group.length);
    if (part === undefined || !keepsEveryClass(group, photos, left)) continue;
    quota[part][label] -= group.length;
    for (const index of group) {
      left[photos[index].label]--;
      partOf[index] = part;
    }
  }
  return partOf;
}

/** Whether every class of a group keeps training photos when the group is taken away. `left` counts them by class. */
function keepsEveryClass(group: readonly number[], photos: readonly Photo[], left: readonly number[]): boolean {
  const taken = new Map<number, number>();
  for (const index of group) taken.set(photos[index].label, (taken.get(photos[index].label) ?? 0) + 1);
  return [...taken].every(([label, count]) => left[label] > count);
}

/**
 * A saved split with the names that its photos have in a folder now, without those that are missing there. A photo is recognised by
 * its name and its contents, else by its contents alone. A photo whose contents are not recorded, or that cannot be read, is recognised
 * by its name.
 *
 * @param photos the photos of the folder in order, with the keys of their contents as of `photoKey`; without a key if unreadable
 * @param recorded the keys of the photos when the split was saved; they may be those of a part of the photos
 */
export function findSplit(
  split: SavedSplit,
  photos: readonly { readonly file: string; readonly key?: string }[],
  recorded: readonly UsedPhoto[],
): SavedSplit {
  const now = new Map(photos.map(({ file, key }) => [file, { key }]));
  const before = new Map(recorded.map(({ file, key }) => [file, key]));
  const partOf = new Map<string, Part>();
  /** The parts of the photos that do not have their names any more, by their keys. */
  const renamed = new Map<string, Part[]>();
  for (const part of PARTS) {
    for (const file of split.parts[part]) {
      const key = before.get(file);
      const there = now.get(file);
      if (there !== undefined && (key === undefined || there.key === undefined || there.key === key)) {
        partOf.set(file, part);
      } else if (key !== undefined) {
        renamed.set(key, [...(renamed.get(key) ?? []), part]);
      }
    }
  }
  for (const { file, key } of photos) {
    const part = partOf.has(file) || key === undefined ? undefined : renamed.get(key)?.shift();
    if (part !== undefined) partOf.set(file, part);
  }
  const files = (part: Part) => photos.flatMap(({ file }) => (partOf.get(file) === part ? [file] : []));
  return { ...split, parts: { train: files("train"), validation: files("validation"), test: files("test") } };
}

/**
 * The photos of each part of a saved split.
 *
 * @throws UsageError ERR_DATA_SPLIT where a file of the split is not in the folder any more
 */
export function applySplit({ root, parts }: ImageFolder, split: SavedSplit): Record<Part, Photo[]> {
  const all = new Map(Object.values(parts).flatMap((photos) => photos.map((photo) => [photo.file, photo] as const)));
  const missing = PARTS.flatMap((part) => split.parts[part].filter((file) => !all.has(file)));
  if (missing.length > 0) {
    throw new UsageError(
      "ERR_DATA_SPLIT",
      `${root} has changed since the split of this run was made: it lacks ${numbered(missing.length, "photo")}, ${listed(missing, 1)}. ` +
        "Restore what is missing, or start a new run.",
    );
  }
  const photosOf = (part: Part) => split.parts[part].map((file) => all.get(file)!);
  return { train: photosOf("train"), validation: photosOf("validation"), test: photosOf("test") };
}
