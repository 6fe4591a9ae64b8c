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
  | "name-control-character"
  | "special-file";

export interface Ignored {
  /** Relative to the root; a folder ends in "/". */
  readonly path: string;
  readonly reason: IgnoredReason;
  /** The reason that the file system gave, such as "permission denied", or the formats of its files. */
  readonly detail?: string;
}

export interface ImageFolder {
  readonly root: string;
  readonly name: string;
  /** Whether the folder has parts (train, validation, test). Without parts, all photos are in `train`. */
  readonly hasParts: boolean;
  /** Names of the classes of all parts, sorted by their code units. */
  readonly classes: readonly string[];
  /** The photos of each existing part, sorted by their paths. */
  readonly parts: Readonly<Partial<Record<Part, readonly Photo[]>>>;
  /** The entries that are not used. */
  readonly ignored: readonly Ignored[];
}

/**
 * Lists the photos of a folder by their names alone: no file is opened.
 *
 * The layout is `PATH/CLASS/photo.jpg`, or `PATH/PART/CLASS/photo.jpg` where {@link partFolders} recognises the folders as
 * parts. Classes are matched between the parts by their names. A part other than `train` can also hold its photos directly, as
 * in ImageNet. It then needs a file `PATH/PART_labels.txt` beside its folder (`val_labels.txt` beside `val`) with lines
 * `FILE CLASS`: {@link readLabelFile}. Photos in subfolders of a class's folder belong to the class. Links are followed.
 * Unused entries are listed: hidden files and folders, entries outside of the layout, folders without photos, and entries that
 * cannot be read or named, such as names with a line break.
 *
 * @param parts the folders of the parts, none for a folder of classes; by default those of {@link partFolders}
 * @throws UsageError ERR_DATA_LAYOUT where names and contents of the folders contradict each other
 * @throws UsageError ERR_DATA_LABELS where a label file is wrong, or validation photos have neither class folders nor a label
 * file
 */
export function scanPhotos(
  reader: FolderReader,
  parts: ReadonlyMap<Part, string> = partFolders(reader, "scanPhotos"),
): ImageFolder {
  const { root } = reader;
  const scan = new Scan(reader);
  const hasParts = parts.size > 0;
  const found = new Map<Part, Map<string, string[]>>();
  if (hasParts) {
    scan.ignoreBesideParts(parts);
    // The training part comes first: a label file may name its classes only.
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
  return { root, name: basename(root), hasParts, classes, parts: photos, ignored: scan.ignored };
}

/**
 * The photos of a folder whose role in a set is known, such as one severity of a corrupted set.
 *
 * @returns undefined where no photo is found
 * @throws what {@link scanPhotos} throws
 */
export function scanImageFolder(path: string, parts?: ReadonlyMap<Part, string>): ImageFolder | undefined {
  const folder = scanPhotos(new FolderReader(resolve(path)), parts);
  return folder.classes.length === 0 ? undefined : folder;
}

/** One walk through a folder, which collects the unused entries. */
class Scan {
  readonly ignored: Ignored[] = [];
  readonly #reader: FolderReader;

  constructor(reader: FolderReader) {
    this.#reader = reader;
  }

  /** Reports the entries beside the folders of the parts. */
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
   * The files of each class: those in the class folders of the part's folder, and those that a label file lists.
   *
   * @param trained the classes that a label file may name, as keys; undefined allows any
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
    // A broken link without an extension was probably the folder of a class.
    for (const entry of odd) {
      const inPlaceOfClass = entry.isFolder || (entry.why === "broken-link" && extensionOf(entry.name) === "");
      this.#ignore(join(folder, entry.name), reasonOf(entry, inPlaceOfClass), entry.isFolder);
    }
    const above = new Set([this.#realPath(folder)]);
    for (const inner of folders) {
      const before = this.ignored.length;
      const photos = this.#photos(join(folder, inner), above);
      // Depending on the system that wrote it, the same name has composed or decomposed accents.
      const name = inner.normalize("NFC");
      if (photos.length > 0) classes.set(name, [...(classes.get(name) ?? []), ...photos]);
      else this.#ignoreClass(join(folder, inner), this.ignored.slice(before));
    }
    // Test photos without classes are common. Without validation photos, a run would fail only at its end.
    if (part === "validation" && classes.size === 0 && files.some(isPhotoName)) {
      throw new UsageError(
        "ERR_DATA_LABELS",
        `scanImageFolder: the photos in ${folder} are not in folders of classes, and there is no ${labelFile}. Write it, with a ` +
          "line FILE CLASS for each photo, or sort them into folders.",
      );
    }
    return classes;
  }

  /**
   * Reports a class folder without photos: it is empty, or has only images of unsupported formats, which the user must know.
   *
   * @param within the unused entries in it
   */
  #ignoreClass(folder: string, within: readonly Ignored[]): void {
    const unread = within.filter(({ reason }) => reason === "unread-format");
    if (unread.length > 0) this.#ignore(folder, "unread-class", true, formatsOf(unread));
    else if (!within.some(({ reason }) => ERRORS.has(reason))) this.#ignore(folder, "empty", true);
  }

  /** The photos in a folder and its subfolders. `above` holds the real paths of its parents, to detect loops of links. */
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
      // A broken link with the name of a photo counts as a photo that cannot be read.
      if (entry.why === "broken-link" && isPhotoName(entry.name)) {
        photos.push(entry.name);
        continue;
      }
      const counts = entry.isFolder || isPhotoName(entry.name);
      this.#ignore(join(folder, entry.name), reasonOf(entry, counts, "not-an-image"), entry.isFolder);
    }
    const within = new Set(above).add(real);
    const deeper = folders.flatMap((inner) => this.#photos(join(folder, inner), within));
    const prefix = this.#relative(folder);
    return [...photos.map((file) => `${prefix}/${file}`), ...deeper];
  }

  /** Whether a file is a photo by its name. Other files are reported as unused. */
  #isPhoto(folder: string, file: string): boolean {
    if (isPhotoName(file)) return true;
    if (isUnreadImageName(file)) this.#ignore(join(folder, file), "unread-format", false, extensionOf(file));
    else this.#ignore(join(folder, file), "not-an-image");
    return false;
  }

  /** The entries of a folder without hidden ones, which are reported as unused. */
  #visible(folder: string): Omit<Listing, "odd"> & { readonly odd: readonly UnusedEntry[] } {
    const { folders, files, odd, failure } = this.#reader.list(folder);
    for (const name of folders.filter(isHidden)) {
      const path = join(folder, name);
      const { failure: inside } = name.startsWith(".") ? { failure: undefined } : this.#reader.list(path);
      this.#ignore(path, inside === undefined ? "hidden" : "unreadable", true, inside);
    }
    for (const name of files.filter(isHidden)) this.#ignore(join(folder, name), "hidden");
    const shown = (name: string) => !isHidden(name);
    const usable = (name: string) => shown(name) && !CONTROL_CHARACTER.test(name);
    const unusable = [
      ...folders.map((name) => ({ name, isFolder: true })),
      ...files.map((name) => ({ name, isFolder: false })),
    ].filter(({ name }) => CONTROL_CHARACTER.test(name));
    return {
      folders: folders.filter(usable),
      files: files.filter(usable),
      odd: [...odd, ...unusable.map((entry) => ({ ...entry, why: "name-control-character" as const }))].filter(
        ({ name }) => shown(name),
      ),
      failure,
    };
  }

  /** A folder's path with links resolved, or the path itself where that fails. */
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

/** The reasons for which photos that belong to the set are not used. */
const ERRORS: ReadonlySet<IgnoredReason> = new Set([
  "unread-class",
  "unreadable-class",
  "broken-class-link",
  "name-not-utf8",
  "name-control-character",
]);

/** A line break in a name would end its line in files that have a line for each photo or class. */
const CONTROL_CHARACTER = /\p{Cc}/u;

/** An odd entry, or one with a control character in its name. */
type UnusedEntry = Omit<OddEntry, "why"> & { readonly why: OddEntry["why"] | "name-control-character" };

/**
 * @param counts whether the entry is where photos or a class are expected
 * @param other the reason for an entry elsewhere whose only problem is its name
 */
function reasonOf({ why }: UnusedEntry, counts: boolean, other: IgnoredReason = "stray"): IgnoredReason {
  if (why === "special-file") return why;
  if (why === "broken-link") return counts ? "broken-class-link" : why;
  return counts ? why : other;
}

/** Counts of images by their unsupported formats, such as "8 ppm, 2 heic". */
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
 * Checks that a classifier can be trained and tested on these classes.
 *
 * @throws UsageError ERR_DATA_CLASSES where there is only one class, or a class has no training photos
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
  // A class without any photos is allowed: with only some of the shards of a set, its index can name more classes.
  const missing = classes.filter((_, label) => counts[label] === 0 && others[label] > 0);
  if (missing.length === 0) return;
  const known = classes.filter((_, label) => counts[label] > 0);
  throw new UsageError(
    "ERR_DATA_CLASSES",
    `${root} has photos of ${listed(missing)} to validate or test on, but none to train on. ` +
      `Classes are matched by the names of their folders.${didYouMean(missing[0], known)} Add training photos, or remove these folders.`,
  );
}

/** Advice where there is only one class: the intended classes may be in its folder. */
export function deeperClasses({ root, hasParts, classes: [only], parts }: ImageFolder): string {
  const depth = hasParts ? 2 : 1;
  const inner = new Set(
    Object.values(parts).flatMap((photos) =>
      photos.map(({ file }) => file.split("/")).flatMap((path) => (path.length > depth + 1 ? [path[depth]] : [])),
    ),
  );
  if (inner.size < 2)
    return "Make a folder for each class; if the classes are in a deeper folder, give the folder that holds them.";
  const found = listed([...inner].sort());
  return hasParts
    ? `The folders in ${only} (${found}) are one level too deep to be classes: move them up, beside ${only}.`
    : `If the folders in ${only} (${found}) are the classes or the parts, give ${join(root, only)}.`;
}
