/** Folders of photos: a folder per class, with or without a folder per part of the set around them. */

import { realpathSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { didYouMean, listed, UsageError } from "../../errors.js";
import { PARTS, type Part, partByName, partFolders } from "./folder-parts.js";
import { FolderReader, type Listing, type OddEntry } from "./folder-reader.js";
import { extensionOf, isHidden, isPhotoName, isUnreadImageName } from "./image-names.js";
import { labelFileOf, readLabelFile } from "./label-file.js";

export { PARTS, type Part } from "./folder-parts.js";

/** A photo and its class. */
export interface Photo {
  /** Relative to the root, with "/" between folders. */
  readonly file: string;
  /** Index into the classes. */
  readonly label: number;
}

/** Why an entry was left out. */
export type IgnoredReason =
  | "hidden"
  | "stray"
  | "empty"
  | "not-an-image"
  | "unread-format"
  | "unread-class"
  | "unreadable"
  | "unreadable-class"
  | "broken-link"
  | "broken-class-link"
  | "name-not-utf8"
  | "special-file";

export interface Ignored {
  /** Relative to the root; a folder ends in "/". */
  readonly path: string;
  readonly reason: IgnoredReason;
  /** What the file system said of it, such as "permission denied", or the formats of its files. */
  readonly detail?: string;
}

export interface ImageFolder {
  readonly root: string;
  readonly name: string;
  /** Whether the folder is divided into parts. Where it is not, all photos are in `train`. */
  readonly divided: boolean;
  /** Names of the classes, those of all parts, in the order of their code units. */
  readonly classes: readonly string[];
  /** The photos of each part that there is, in the order of their paths. */
  readonly parts: Readonly<Partial<Record<Part, readonly Photo[]>>>;
  /** What lies there and is not used. */
  readonly ignored: readonly Ignored[];
}

/**
 * Lists the photos of a folder, by names alone: no file is opened.
 *
 * `PATH/CLASS/photo.jpg`, or `PATH/PART/CLASS/photo.jpg` where the folders are parts by their names and by what is in them
 * ({@link partFolders}). Classes are matched between the parts by their name. The photos of a part other than `train` may
 * also lie in its folder itself, as ImageNet's do, with a file `PATH/PART_labels.txt` beside the folder (`val_labels.txt`
 * beside `val`) of lines `FILE CLASS`: {@link readLabelFile}. Photos in folders inside of a class's folder belong to it.
 * Links are followed. What is not used is listed: hidden files and folders, files and folders outside of the layout, folders
 * without photos, and what cannot be read or named.
 *
 * @param parts the folders of the parts, none for a folder of classes; by default as {@link partFolders} decides
 * @throws UsageError ERR_DATA_LAYOUT where names and contents of the folders contradict
 * @throws UsageError ERR_DATA_LABELS where a label file is wrong, or validation photos lie in one folder without one
 */
export function scanPhotos(
  reader: FolderReader,
  parts: ReadonlyMap<Part, string> = partFolders(reader, "scanPhotos"),
): ImageFolder {
  const { root } = reader;
  const scan = new Scan(reader);
  const divided = parts.size > 0;
  const found = new Map<Part, Map<string, string[]>>();
  if (divided) {
    scan.ignoreBesideParts(parts);
    // Training first: its classes are those that a label file may name.
    for (const part of PARTS) {
      const folder = parts.get(part);
      if (folder !== undefined) found.set(part, scan.classes(part, join(root, folder), found.get("train")));
    }
  } else {
    found.set("train", scan.classes("train", root));
  }
  const classes = [...new Set([...found.values()].flatMap((names) => [...names.keys()]))].sort();
  const labels = new Map(classes.map((name, label) => [name, label]));
  const photos: Partial<Record<Part, Photo[]>> = {};
  for (const [part, files] of found) {
    photos[part] = [...files].flatMap(([name, list]) => list.map((file) => ({ file, label: labels.get(name)! })));
    photos[part].sort((a, b) => (a.file < b.file ? -1 : 1));
  }
  return { root, name: basename(root), divided, classes, parts: photos, ignored: scan.ignored };
}

/**
 * The photos of a folder whose place in a set is known, such as one severity of a corrupted set.
 *
 * @returns undefined where no photo is found
 * @throws what {@link scanPhotos} throws
 */
export function scanImageFolder(path: string, parts?: ReadonlyMap<Part, string>): ImageFolder | undefined {
  const folder = scanPhotos(new FolderReader(resolve(path)), parts);
  return folder.classes.length === 0 ? undefined : folder;
}

/** One walk through a folder, which collects what it leaves out. */
class Scan {
  readonly ignored: Ignored[] = [];
  readonly #reader: FolderReader;

  constructor(reader: FolderReader) {
    this.#reader = reader;
  }

  /** What lies beside the folders of the parts. */
  ignoreBesideParts(parts: ReadonlyMap<Part, string>): void {
    const { root } = this.#reader;
    const used = new Set(parts.values());
    const labelFiles = [...parts].flatMap(([part, name]) => (part === "train" ? [] : [labelFileOf(name)]));
    const { folders, files, odd } = this.#visible(root);
    for (const name of folders) if (!used.has(name)) this.#ignore(join(root, name), "stray", true);
    for (const name of files) if (!labelFiles.includes(name)) this.#ignore(join(root, name), "stray");
    for (const entry of odd) {
      const reason = reasonOf(entry, entry.isFolder || partByName(entry.name) !== undefined);
      this.#ignore(join(root, entry.name), reason, entry.isFolder);
    }
  }

  /**
   * Files of each class: the folders in the part's folder that hold photos, and the photos in it that a label file names.
   *
   * @param trained what a label file may name as a class; undefined allows any
   */
  classes(part: Part, folder: string, trained?: ReadonlyMap<string, unknown>): Map<string, string[]> {
    const { folders, files, odd, failure } = this.#visible(folder);
    if (failure !== undefined) this.#ignore(folder, "unreadable-class", true, failure);
    const classes = new Map<string, string[]>();
    const labelFile = labelFileOf(folder);
    if (part !== "train" && this.#reader.list(join(folder, "..")).files.includes(basename(labelFile))) {
      const photos = files.filter((file) => this.#isPhoto(folder, file));
      for (const [name, label] of readLabelFile(labelFile, photos, trained)) {
        classes.set(label, classes.get(label) ?? []);
        classes.get(label)!.push(this.#relative(join(folder, name)));
      }
    } else {
      for (const file of files) this.#ignore(join(folder, file), "stray");
    }
    // A link without an extension was a class's folder.
    for (const entry of odd) {
      const inPlaceOfClass = entry.isFolder || (entry.why === "broken-link" && extensionOf(entry.name) === "");
      this.#ignore(join(folder, entry.name), reasonOf(entry, inPlaceOfClass), entry.isFolder);
    }
    const above = new Set([this.#realPath(folder)]);
    for (const inner of folders) {
      const before = this.ignored.length;
      const photos = this.#photos(join(folder, inner), above);
      // The same name may be spelt with composed or decomposed accents, depending on the system that wrote it.
      const name = inner.normalize("NFC");
      if (photos.length > 0) classes.set(name, [...(classes.get(name) ?? []), ...photos]);
      else this.#ignoreClass(join(folder, inner), this.ignored.slice(before));
    }
    // Test photos without classes are common; a run without its validation would be found out at its end.
    if (part === "validation" && classes.size === 0 && files.some(isPhotoName)) {
      throw new UsageError(
        "ERR_DATA_LABELS",
        `scanImageFolder: the photos in ${folder} lie in no folder of a class, and there is no ${labelFile}. Write it, with a ` +
          "line FILE CLASS for each photo, or sort them into folders.",
      );
    }
    return classes;
  }

  /**
   * A class's folder without photos: empty, or with images of other formats alone, which must not go unnoticed.
   *
   * @param within what was left out in it
   */
  #ignoreClass(folder: string, within: readonly Ignored[]): void {
    const unread = within.filter(({ reason }) => reason === "unread-format");
    if (unread.length > 0) this.#ignore(folder, "unread-class", true, formatsOf(unread));
    else if (!within.some(({ reason }) => ERRORS.has(reason))) this.#ignore(folder, "empty", true);
  }

  /** Photos in a folder and the folders in it. `above` holds the real paths around it, against links in a circle. */
  #photos(folder: string, above: ReadonlySet<string>): string[] {
    const { folders, files, odd, failure } = this.#visible(folder);
    if (failure !== undefined) this.#ignore(folder, "unreadable-class", true, failure);
    const real = this.#realPath(folder);
    if (above.has(real)) {
      this.#ignore(folder, "broken-link", true);
      return [];
    }
    const photos = files.filter((file) => this.#isPhoto(folder, file));
    for (const entry of odd) {
      // A photo that a link does not lead to is a photo that cannot be read.
      if (entry.why === "broken-link" && isPhotoName(entry.name)) {
        photos.push(entry.name);
        continue;
      }
      const counts = entry.isFolder || isPhotoName(entry.name);
      this.#ignore(join(folder, entry.name), reasonOf(entry, counts, "not-an-image"), entry.isFolder);
    }
    const within = new Set(above).add(real);
    const deeper = folders.flatMap((inner) => this.#photos(join(folder, inner), within));
    const place = this.#relative(folder);
    return [...photos.map((file) => `${place}/${file}`), ...deeper];
  }

  /** Whether a file is a photo by its name; it is listed as ignored where it is not. */
  #isPhoto(folder: string, file: string): boolean {
    if (isPhotoName(file)) return true;
    if (isUnreadImageName(file)) this.#ignore(join(folder, file), "unread-format", false, extensionOf(file));
    else this.#ignore(join(folder, file), "not-an-image");
    return false;
  }

  /** What lies in a folder without what is hidden, which is listed as ignored. */
  #visible(folder: string): Listing {
    const { folders, files, odd, failure } = this.#reader.list(folder);
    for (const name of folders.filter(isHidden)) {
      const path = join(folder, name);
      const { failure: inside } = name.startsWith(".") ? { failure: undefined } : this.#reader.list(path);
      this.#ignore(path, inside === undefined ? "hidden" : "unreadable", true, inside);
    }
    for (const name of files.filter(isHidden)) this.#ignore(join(folder, name), "hidden");
    const shown = (name: string) => !isHidden(name);
    return {
      folders: folders.filter(shown),
      files: files.filter(shown),
      odd: odd.filter(({ name }) => shown(name)),
      failure,
    };
  }

  /** A folder's path without links; as it is where that cannot be told. */
  #realPath(folder: string): string {
    try {
      return realpathSync(folder);
    } catch {
      return folder;
    }
  }

  #ignore(path: string, reason: IgnoredReason, isFolder = false, detail?: string): void {
    this.ignored.push({
      path: this.#relative(path) + (isFolder ? "/" : ""),
      reason,
      ...(detail !== undefined && { detail }),
    });
  }

  #relative(path: string): string {
    return relative(this.#reader.root, path).split(sep).join("/");
  }
}

/** The reasons that leave out photos which belong to the set. */
const ERRORS: ReadonlySet<IgnoredReason> = new Set([
  "unread-class",
  "unreadable-class",
  "broken-class-link",
  "name-not-utf8",
]);

/**
 * @param counts whether it stands where photos or a class are
 * @param other what it is otherwise, where only its name is odd
 */
function reasonOf({ why }: OddEntry, counts: boolean, other: IgnoredReason = "stray"): IgnoredReason {
  if (why === "special-file") return why;
  if (why === "broken-link") return counts ? "broken-class-link" : why;
  return counts ? why : other;
}

/** "8 ppm, 2 heic" of images in formats that are not read. */
export function formatsOf(unread: readonly Ignored[]): string {
  const counts = new Map<string, number>();
  for (const { detail } of unread) counts.set(detail ?? "", (counts.get(detail ?? "") ?? 0) + 1);
  return [...counts].map(([format, count]) => `${count} ${format}`).join(", ");
}

/** Number of photos of each class. */
export function countByClass(photos: readonly Photo[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const { label } of photos) counts[label]++;
  return counts;
}

/**
 * Checks that a classifier can be trained and measured on these classes.
 *
 * @throws UsageError ERR_DATA_CLASSES where there is only one, or one has no training photos
 */
export function checkClasses(folder: ImageFolder): void {
  const { root, classes, parts } = folder;
  if (classes.length < 2) {
    throw new UsageError(
      "ERR_DATA_CLASSES",
      `${root} must have a folder for each of at least two classes; found only ${listed(classes)}. ${deeperClasses(folder)}`,
    );
  }
  if (parts.train === undefined) return;
  const counts = countByClass(parts.train, classes.length);
  const others = countByClass(Object.values(parts).flat(), classes.length);
  // Some of the shards of a set need not have photos of every class that its index names.
  const missing = classes.filter((_, label) => counts[label] === 0 && others[label] > 0);
  if (missing.length === 0) return;
  const known = classes.filter((_, label) => counts[label] > 0);
  throw new UsageError(
    "ERR_DATA_CLASSES",
    `${root} has photos of ${listed(missing)} to validate or test on, but none to train on. ` +
      `Classes are matched by the names of their folders.${didYouMean(missing[0], known)} Add training photos, or remove these folders.`,
  );
}

/** What to do where there is only one class: its folder may hold those that are meant. */
export function deeperClasses({ root, divided, classes: [only], parts }: ImageFolder): string {
  const depth = divided ? 2 : 1;
  const inner = new Set(
    Object.values(parts).flatMap((photos) =>
      photos.map(({ file }) => file.split("/")).flatMap((path) => (path.length > depth + 1 ? [path[depth]] : [])),
    ),
  );
  if (inner.size < 2)
    return "Make a folder for each class; if the classes lie deeper, give the folder that holds them.";
  const found = listed([...inner].sort());
  return divided
    ? `The folders in ${only} (${found}) lie one folder too deep to be classes: move them up, beside ${only}.`
    : `If the folders in ${only} (${found}) are the classes or the parts, give ${join(root, only)}.`;
}
