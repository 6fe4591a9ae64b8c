/** Whether the folders in a folder of photos are the parts of a set or its classes. */

import { join } from "node:path";
import { listed, UsageError } from "../../errors.js";
import type { FolderReader } from "./folder-reader.js";
import { isHidden, isPhotoName, isUnreadImageName } from "./image-names.js";
import { labelFileOf } from "./label-file.js";

/** The parts that a set of photos may have. */
export const PARTS = ["train", "validation", "test"] as const;
export type Part = (typeof PARTS)[number];

/** What the folder of a part may be called, in any case. */
const PART_NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val"],
  test: ["test", "testing"],
};
/** Other names that parts go by. They count only where the classes in the folders agree. */
const OTHER_NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ["trn", "trainset", "trainingset", "traindata", "trainingdata", "trainimages"],
  validation: ["dev", "devel", "development", "eval", "validate", "valset", "validset", "validationset", "valdata"],
  test: ["tst", "testset", "testingset", "testdata", "testimages", "holdout"],
};
/** Words beside the name of a part that say nothing of it, as in training_set, seg_train, val2017 and Test Images. */
const FILLERS = new Set(
  "set sets split data dataset image images img imgs photo photos pic pics picture pictures seg part folder".split(" "),
);
/** What folders of a set that was divided without naming its parts are called, beside their numbers. */
const FOLDS = new Set("fold folds split part subset set batch group cv".split(" "));

/** What the name of a folder says. */
export interface PartName {
  readonly part: Part;
  /** Whether it is one of the names that are always taken for a part. */
  readonly exact: boolean;
}

/** The part that a folder is by its name. */
export function partByName(name: string): PartName | undefined {
  const exact = PARTS.find((part) => PART_NAMES[part].includes(name.toLowerCase()));
  if (exact !== undefined) return { part: exact, exact: true };
  const words = wordsOf(name).filter((word) => !FILLERS.has(word));
  if (words.length !== 1) return undefined;
  const part = PARTS.find((one) => PART_NAMES[one].includes(words[0]) || OTHER_NAMES[one].includes(words[0]));
  return part && { part, exact: false };
}

/** The words of a name in small letters, without its numbers. */
const wordsOf = (name: string): string[] =>
  name
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");

/** A folder in the folder of a set. */
interface Top {
  readonly name: string;
  readonly named: PartName | undefined;
  /** Whether images lie in it directly. */
  readonly holdsImages: boolean;
  /** Names of the folders in it. */
  readonly inner: readonly string[];
  /** Whether it can be a part: its photos are in folders, or a label file gives their classes. */
  readonly sorted: boolean;
}

/**
 * The folders of the parts of a set, or none where its folders are classes.
 *
 * The names of the folders decide only together with what is in them: a part holds folders of classes (or has a label
 * file), a class holds photos. Folders `bus`, `car` and `train` with photos are classes; `training_set` and `test_set` are
 * parts where they hold the same folders.
 *
 * @returns names of the folders by part
 * @throws UsageError ERR_DATA_LAYOUT where two folders claim to be the same part, or names and contents contradict
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
    // Classes beside a training part are a mistake; one folder of other photos beside it is common.
    if (parts.size === 1 && withImages.length > 1) {
      const [train] = sorted;
      throw refuse(
        `${train.name} holds folders (${listed(train.inner)}), as a training part does, and ${names(withImages)} hold images, as ` +
          `classes do. If ${train.name} is the training part, move ${names(withImages)} away; if they are classes of it, move them ` +
          `into ${train.name}. If all are classes, give ${train.name} another name.`,
      );
    }
    checkAgreement(sorted, refuse);
    return parts;
  }
  if (named.length > 0 && sorted.length === 0 && (others.length === 0 || distinctParts(named) > 1)) {
    const [one] = named;
    // A label file helps only where nothing is to be trained on: it is not read for the training part.
    const byFile = named.every((top) => top.named!.part !== "train") && others.length === 0;
    throw refuse(
      `${names(named)} ${is(named)} called like parts of a set, but hold${s(named)} images without a folder for each class. If ` +
        `${they(named)} parts, sort the images of each into folders of classes (${one.name}/CLASS/photo.jpg)` +
        `${byFile ? ` or write ${labelFileOf(one.name)}` : ""}` +
        `${others.length === 0 ? "" : `, and move ${names(others)} into the folder train`}. If they are classes, give ` +
        `${named.length === 1 ? "it another name" : "them other names"}.`,
    );
  }
  if (distinctParts(sorted) > 1) {
    throw refuse(
      `${names(sorted)} are called like parts of a set, and ${names(others)} are not. If they are parts, move ${names(others)} into a ` +
        "folder train; if all are classes, give them other names.",
    );
  }
  checkClassFolders(tops, refuse);
  return noParts;
}

/** Each part with its folder. */
function claimedParts(named: readonly Top[], root: string, what: string): Map<Part, string> {
  const parts = new Map<Part, string>();
  for (const { name, named: says } of named) {
    const { part } = says!;
    const other = parts.get(part);
    if (other !== undefined) {
      throw new UsageError(
        "ERR_DATA_LAYOUT",
        `${what}: ${join(root, other)} and ${join(root, name)} both claim to be the ${part} part. Merge them, or move one away.`,
      );
    }
    parts.set(part, name);
  }
  return parts;
}

/** Names that are not always those of parts need folders of the same classes. */
function checkAgreement(sorted: readonly Top[], refuse: (message: string) => UsageError): void {
  if (sorted.every((top) => top.named!.exact)) return;
  const withFolders = sorted.filter((top) => top.inner.length > 0);
  const [first, ...rest] = withFolders;
  const other = rest.find((top) => shared(first, top).length === 0);
  if (other === undefined) return;
  throw refuse(
    `${first.name} and ${other.name} are called like parts of a set, but hold different folders (${listed(first.inner)}; ` +
      `${listed(other.inner)}). If they are parts, rename them to ${first.named!.part} and ${other.named!.part}. If they are ` +
      "classes, give them other names.",
  );
}

/** Folders that would be classes must not look like parts by what is in them. */
function checkClassFolders(tops: readonly Top[], refuse: (message: string) => UsageError): void {
  for (const top of tops) {
    const others = tops.filter((other) => other !== top).map(({ name }) => name);
    const repeated = top.inner.filter((name) => others.includes(name));
    if (repeated.length < 2) continue;
    throw refuse(
      `${top.name} holds folders (${listed(repeated)}) with the names of those beside it, so it looks like another part of the same ` +
        `classes. If it is, make two folders train and test (or validation), and move ${listed(repeated)} into the one and what is in ` +
        `${top.name} into the other. If it is a class, give the folders in it other names.`,
    );
  }
  const [first, ...rest] = tops;
  const isDivided = tops.length > 1 && tops.every(({ name }) => wordsOf(name).every((word) => FOLDS.has(word)));
  if (!isDivided || rest.some((top) => shared(first, top).length < 2)) return;
  throw refuse(
    `${names(tops)} hold the same folders (${listed(shared(first, rest[0]))}), so they look like parts of one set rather than like ` +
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
    // What cannot be read is what its name says, and is reported by that name.
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
