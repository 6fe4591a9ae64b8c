/** Decides whether the folders in a folder of photos are the parts of a set or its classes. */

import { join } from "node:path";
import { listed, UsageError } from "../../errors.js";
import type { FolderReader } from "./folder-reader.js";
import { isHidden, isPhotoName, isUnreadImageName } from "./image-names.js";
import { labelFileOf } from "./label-file.js";

/** The parts that a set of photos may have. */
export const PARTS = ["train", "validation", "test"] as const;
export type Part = (typeof PARTS)[number];

/** The usual folder names of each part, in upper or lower case. */
const PART_NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val"],
  test: ["test", "testing"],
};
/** Less usual names of parts. They count only where the folders hold the same classes. */
const OTHER_NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ["trn", "trainset", "trainingset", "traindata", "trainingdata", "trainimages"],
  validation: ["dev", "devel", "development", "eval", "validate", "valset", "validset", "validationset", "valdata"],
  test: ["tst", "testset", "testingset", "testdata", "testimages", "holdout"],
};
/** Words that can be beside the name of a part without a meaning, as in training_set, seg_train, val2017 and Test Images. */
const FILLERS = new Set(
  "set sets split data dataset image images img imgs photo photos pic pics picture pictures seg part folder".split(" "),
);
/** Words that, with numbers, name folders of a set that was split without naming its parts. */
const FOLDS = new Set("fold folds split part subset set batch group cv".split(" "));

/** The part that the name of a folder stands for. */
export interface PartName {
  readonly part: Part;
  /** Whether it is one of the usual names, which always stand for a part. */
  readonly exact: boolean;
}

/** The part that the name of a folder stands for, if any. */
export function partByName(name: string): PartName | undefined {
  const exact = PARTS.find((part) => PART_NAMES[part].includes(name.toLowerCase()));
  if (exact !== undefined) return { part: exact, exact: true };
  const words = wordsOf(name).filter((word) => !FILLERS.has(word));
  if (words.length !== 1) return undefined;
  const part = PARTS.find((one) => PART_NAMES[one].includes(words[0]) || OTHER_NAMES[one].includes(words[0]));
  return part && { part, exact: false };
}

/** The words of a name in lower case, without its numbers. */
const wordsOf = (name: string): string[] =>
  name
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");

/** A folder directly in the folder of a set. */
interface Top {
  readonly name: string;
  readonly named: PartName | undefined;
  /** Whether it holds images directly. */
  readonly holdsImages: boolean;
  /** Names of the folders in it. */
  readonly inner: readonly string[];
  /** Whether it can be a part: its photos are in folders, or a label file gives their classes. */
  readonly sorted: boolean;
}

/**
 * The folders of the parts of a set. The map is empty where the folders are classes.
 *
 * Names and contents of the folders decide together: a part holds folders of classes (or has a label file), a class holds
 * photos. So folders `bus`, `car` and `train` with photos are classes, while `training_set` and `test_set` are parts where
 * they hold the same folders.
 *
 * @returns names of the folders by part
 * @throws UsageError ERR_DATA_LAYOUT where two folders stand for the same part, or names and contents contradict each other
 */
export function partFolders(reader: FolderReader, what: string): ReadonlyMap<Part, string> {
  const { root } = reader;
  const tops = topFolders(reader);
  const refuse = (message: string) =>
    new UsageError("ERR_DATA_LAYOUT", `${what}: cannot tell what the folders in ${root} are. ${message}`);
  const named = tops.filter((top) => top.named !== undefined);
  const sorted = named.filter((top) => top.sorted);
  const others = tops.filter((top) => top.named === undefined);
  const trained = sorted.some((top) => top.named!.part === "train");
  const noParts: ReadonlyMap<Part, string> = new Map();

  if (sorted.length > 0 && (trained || others.length === 0)) {
    const parts = claimedParts(named, root, what);
    const withImages = others.filter((top) => top.holdsImages);
    // Class folders beside a training part are a mistake. A single other folder of photos beside it is common and ignored.
    if (parts.size === 1 && withImages.length > 1) {
      const [train] = sorted;
      throw refuse(
        `${train.name} holds folders (${listed(train.inner)}), like a training part, and ${names(withImages)} hold images, like ` +
          `classes. If ${train.name} is the training part, move ${names(withImages)} out of the set; if they are classes of it, ` +
          `move them into ${train.name}. If all are classes, give ${train.name} another name.`,
      );
    }
    checkAgreement(sorted, refuse);
    return parts;
  }
  if (named.length > 0 && sorted.length === 0 && (others.length === 0 || distinctParts(named) > 1)) {
    const [one] = named;
    // A label file is not read for the training part, so that it helps only without one.
    const byFile = named.every((top) => top.named!.part !== "train") && others.length === 0;
    throw refuse(
      `${names(named)} ${is(named)} named like parts of a set, but hold${s(named)} images without a folder for each class. If ` +
        `${they(named)} parts, sort the images of each into folders of classes (${one.name}/CLASS/photo.jpg)` +
        `${byFile ? ` or write ${labelFileOf(one.name)}` : ""}` +
        `${others.length === 0 ? "" : `, and move ${names(others)} into the folder train`}. If they are classes, give ` +
        `${named.length === 1 ? "it another name" : "them other names"}.`,
    );
  }
  if (distinctParts(sorted) > 1) {
    throw refuse(
      `${names(sorted)} are named like parts of a set, and ${names(others)} are not. If they are parts, move ${names(others)} into a ` +
        "folder train; if all are classes, give them other names.",
    );
  }
  checkClassFolders(tops, refuse);
  return noParts;
}

/** The folder of each part. */
function claimedParts(named: readonly Top[], root: string, what: string): Map<Part, string> {
  const parts = new Map<Part, string>();
  for (const { name, named: says } of named) {
    const { part } = says!;
    const other = parts.get(part);
    if (other !== undefined) {
      throw new UsageError(
        "ERR_DATA_LAYOUT",
        `${what}: ${join(root, other)} and ${join(root, name)} both stand for the ${part} part. Merge them, or move one out of the set.`,
      );
    }
    parts.set(part, name);
  }
  return parts;
}

/** Folders with less usual names are parts only where they hold the same classes. */
function checkAgreement(sorted: readonly Top[], refuse: (message: string) => UsageError): void {
  if (sorted.every((top) => top.named!.exact)) return;
  const withFolders = sorted.filter((top) => top.inner.length > 0);
  const [first, ...rest] = withFolders;
  const other = rest.find((top) => shared(first, top).length === 0);
  if (other === undefined) return;
  throw refuse(
    `${first.name} and ${other.name} are named like parts of a set, but hold different folders (${listed(first.inner)}; ` +
      `${listed(other.inner)}). If they are parts, rename them to ${first.named!.part} and ${other.named!.part}. If they are ` +
      "classes, give them other names.",
  );
}

/** Refuses folders of classes whose contents look like parts. */
function checkClassFolders(tops: readonly Top[], refuse: (message: string) => UsageError): void {
  for (const top of tops) {
    const others = tops.filter((other) => other !== top).map(({ name }) => name);
    const repeated = top.inner.filter((name) => others.includes(name));
    if (repeated.length < 2) continue;
    throw refuse(
      `${top.name} holds folders (${listed(repeated)}) with the same names as folders beside it, so it looks like another part of the ` +
        `same classes. If it is, make two folders train and test (or validation), and move ${listed(repeated)} into one and the ` +
        `contents of ${top.name} into the other. If it is a class, give the folders in it other names.`,
    );
  }
  const [first, ...rest] = tops;
  const isDivided = tops.length > 1 && tops.every(({ name }) => wordsOf(name).every((word) => FOLDS.has(word)));
  if (!isDivided || rest.some((top) => shared(first, top).length < 2)) return;
  throw refuse(
    `${names(tops)} hold the same folders (${listed(shared(first, rest[0]))}), so they look like parts of one set and not like ` +
      "classes. If they are parts, rename them to train, validation and test, and merge those that belong together. If they are " +
      "classes, move them into a folder train.",
  );
}

function topFolders(reader: FolderReader): Top[] {
  const { root } = reader;
  const { folders, files } = reader.list(root);
  const visible = folders.filter((name) => !isHidden(name));
  return visible.flatMap((name): Top[] => {
    const path = join(root, name);
    const { folders: inside, files: own, failure } = reader.list(path);
    const inner = inside.filter((one) => !isHidden(one));
    const holdsImages = own.some((file) => !isHidden(file) && (isPhotoName(file) || isUnreadImageName(file)));
    // A folder that cannot be read is kept, so that its failure is reported with its name.
    if (inner.length === 0 && !holdsImages && failure === undefined) return [];
    const named = partByName(name);
    const labelled = named !== undefined && named.part !== "train" && files.includes(labelFileOf(name));
    return [{ name, named, holdsImages, inner, sorted: inner.length > 0 || labelled || failure !== undefined }];
  });
}

const distinctParts = (named: readonly Top[]): number => new Set(named.map((top) => top.named!.part)).size;
const shared = (a: Top, b: Top): string[] => a.inner.filter((name) => b.inner.includes(name));
const names = (tops: readonly Top[]): string => listed(tops.map(({ name }) => name));
const is = (tops: readonly Top[]): string => (tops.length === 1 ? "is" : "are");
const s = (tops: readonly Top[]): string => (tops.length === 1 ? "s" : "");
const they = (tops: readonly Top[]): string => (tops.length === 1 ? `${tops[0].name} is one of the` : "they are");
