/** The photos of a folder that are read: those of the parts that are wanted, without what cannot be read. */

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

/** Of the draw of images to evaluate on, whatever the run's own seed: runs are compared on the same images. */
const EVALUATION_SEED = 0;

/** What is read of each part, and what was found out about it. */
export interface ReadableSets {
  readonly sets: ReadonlyMap<Part, PhotoSet>;
  /** The photos of these sets. */
  readonly photos: readonly UsedPhoto[];
  readonly notes: readonly string[];
}

/** The photos of the parts that are read, and of a set to train on of all parts, without those that cannot be. */
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
  const divided = split === undefined ? (folder.parts.train ?? []) : dividedPhotos(folder, split);
  for (const part of PARTS) {
    const photos = parts[part] ?? [];
    if (photos.length === 0 || !(training || wanted.includes(part))) continue;
    // Parts that were split off the training photos share their identities.
    const set = photoSet(folder, photos, photos === folder.parts[part] ? photos : divided);
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
        `${readable.length - kept.length} photos that were drawn for ${part} are left out: the run was trained or validated on them.`,
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

/** What a saved split divided, in the order of the folder: photos that came later change the identity of none. */
function dividedPhotos({ parts: { train = [] } }: ImageFolder, { parts, leftOut = [] }: SavedSplit) {
  const files = [...PARTS.flatMap((part) => parts[part]), ...leftOut.map(({ file }) => file)].sort();
  if (shardStarts(files) === undefined) return files.map((file) => ({ file }));
  // Photos of shards are not in the order of their names.
  const divided = new Set(files);
  return train.filter(({ file }) => divided.has(file));
}

/** @throws UsageError ERR_DATA_CLASSES where a class has no photo to train on that can be read */
function checkEveryClass({ root, classes, parts }: ImageFolder, train: readonly Photo[], leftOut: LeftOutPhotos): void {
  const counts = countByClass(
    train.filter(({ file }) => !leftOut.has(file)),
    classes.length,
  );
  // Some of the shards of a set need not have photos of every class that its index names.
  const before = countByClass(parts.train ?? [], classes.length);
  const empty = classes.filter((_, label) => counts[label] === 0 && before[label] > 0);
  if (empty.length === 0) return;
  throw new UsageError(
    "ERR_DATA_CLASSES",
    `${root} has no photo to train on that can be read of ${listed(empty)}. Add photos, or remove the folders.`,
  );
}
