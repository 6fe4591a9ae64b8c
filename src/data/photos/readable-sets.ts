/** The photos of the requested parts of a folder, without those that cannot be read. */

import { listed, UsageError } from "../../errors.js";
import { countByClass, type ImageFolder, PARTS, type Part, type Photo } from "../folders/image-folder.js";
import type { SavedSplit } from "../folders/photo-split.js";
import { untrainedNotes } from "../folders/split-notes.js";
import type { OpenDataOptions } from "../opened-data.js";
import { shardStarts } from "../shards/shard-order.js";
import type { LeftOutPhotos } from "./bad-photos.js";
import type { PhotoSet } from "./photo-set.js";
import { keepPhotos, limitStratified, photoSet } from "./photo-set.js";
import { badPhotos, quickCheckPhotos } from "./quick-check.js";
import type { UsedPhoto } from "./used-photos.js";

/** Seed of the draw of images for evaluation. It does not depend on the run, so that all runs are compared on the same images. */
const EVALUATION_SEED = 0;

/** The photos of each part, and notes about them. */
export interface ReadableSets {
  readonly sets: ReadonlyMap<Part, PhotoSet>;
  /** The photos of these sets. */
  readonly photos: readonly UsedPhoto[];
  readonly notes: readonly string[];
}

/** The readable photos of the requested parts. For training, all parts are checked. */
export async function readableSets(
  folder: ImageFolder,
  parts: Partial<Record<Part, readonly Photo[]>>,
  wanted: readonly Part[],
  leftOut: LeftOutPhotos,
  { seed, split, avoid, workers, limitTrain, limitTest, limitValidation }: OpenDataOptions,
): Promise<ReadableSets> {
  const training = wanted.includes("train");
  const limits = { train: limitTrain, validation: limitValidation, test: limitTest };
  const sets = new Map<Part, PhotoSet>();
  const keys = new Map<string, string>();
  const identities = split === undefined ? (folder.parts.train ?? []) : photosOfSplit(folder, split);
  for (const part of PARTS) {
    const photos = parts[part] ?? [];
    if (photos.length === 0 || !(training || wanted.includes(part))) continue;
    // Identities are indices into the photos before the split, so that a part gets the same ones with every split.
    const set = photoSet(folder, photos, photos === folder.parts[part] ? photos : identities);
    const limit = limits[part];
    sets.set(part, limit == null ? set : limitStratified(set, limit, part === "train" ? seed : EVALUATION_SEED));
  }
  const files = [...sets.values()].flatMap((set) => set.files);
  const checks = await quickCheckPhotos(folder.root, files, workers);
  leftOut.addBefore(badPhotos(files, checks));
  checks.forEach(({ key }, i) => {
    if (key !== undefined) keys.set(files[i], key);
  });
  const notes: string[] = [];
  for (const [part, set] of sets) {
    const readable = keepPhotos(set, (file) => !leftOut.has(file));
    const known = (file: string) => avoid?.has(keys.get(file)!) === true;
    const kept =
      split === undefined && parts[part] !== folder.parts[part]
        ? keepPhotos(readable, (file) => !known(file))
        : readable;
    if (kept.length < readable.length) {
      notes.push(
        `${readable.length - kept.length} photos drawn for the ${part} part are left out, since the run was trained or validated on them.`,
      );
    }
    if (readable.length === 0) {
      throw new UsageError("ERR_BAD_IMAGES", `no ${part} photo of ${folder.root} can be read; all are left out.`);
    }
    if (kept.length === 0) sets.delete(part);
    else sets.set(part, kept);
  }
  if (training) {
    checkEveryClass(folder, parts.train ?? [], leftOut);
    notes.push(...untrainedNotes(sets.get("train")));
  }
  const photos = [...sets].flatMap(([part, set]) => set.files.map((file) => ({ key: keys.get(file)!, part, file })));
  return { sets, photos, notes };
}

/** The photos of a saved split in the order of the folder. Photos added later do not change the identities of these. */
function photosOfSplit({ parts: { train = [] } }: ImageFolder, { parts, leftOut = [] }: SavedSplit) {
  const files = [...PARTS.flatMap((part) => parts[part]), ...leftOut.map(({ file }) => file)].sort();
  if (shardStarts(files) === undefined) return files.map((file) => ({ file }));
  // Photos of shards are not sorted by name.
  const inSplit = new Set(files);
  return train.filter(({ file }) => inSplit.has(file));
}

/** @throws UsageError ERR_DATA_CLASSES where no training photo of a class can be read */
function checkEveryClass({ root, classes, parts }: ImageFolder, train: readonly Photo[], leftOut: LeftOutPhotos): void {
  const counts = countByClass(
    train.filter(({ file }) => !leftOut.has(file)),
    classes.length,
  );
  // A class without any photos is allowed: with only some of the shards of a set, its index can name more classes.
  const before = countByClass(parts.train ?? [], classes.length);
  const empty = classes.filter((_, label) => counts[label] === 0 && before[label] > 0);
  if (empty.length === 0) return;
  throw new UsageError(
    "ERR_DATA_CLASSES",
    `${root} has no readable training photo of ${listed(empty)}. Add photos, or remove the folders.`,
  );
}
