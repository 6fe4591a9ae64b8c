/** Folders of photos: a folder per class, with or without a folder per part of the set around them. */

import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { didYouMean, UsageError } from "../errors.js";
import { IMAGE_FORMATS } from "../images/decode.js";
import { labelFileOf, readLabelFile } from "./label-file.js";

/** The parts that a set of photos may have. */
export const PARTS = ["train", "validation", "test"] as const;
export type Part = (typeof PARTS)[number];

/** What the folder of a part may be called, in any case. */
const PART_NAMES: Readonly<Record<Part, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val"],
  test: ["test", "testing"],
};

const EXTENSIONS = new Set(Object.values(IMAGE_FORMATS).flat());
/** Image formats that people have and this program does not read. */
const UNREAD_EXTENSIONS = new Set([
  "heic",
  "heif",
  "bmp",
  "tif",
  "tiff",
  "jxl",
  "jp2",
  "svg",
  "ico",
  "psd",
  "raw",
  "dng",
]);

/** A photo and its class. */
export interface Photo {
  /** Relative to the root, with "/" between folders. */
  readonly file: string;
  /** Index into the classes. */
  readonly label: number;
}

/** Why an entry was left out. */
export type IgnoredReason = "hidden" | "stray" | "empty" | "not-an-image" | "unread-format";

export interface Ignored {
  /** Relative to the root; a folder ends in "/". */
  readonly path: string;
  readonly reason: IgnoredReason;
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
 * `PATH/CLASS/photo.jpg`, or `PATH/PART/CLASS/photo.jpg` where PATH has a folder `train` (or `training`), and beside it
 * perhaps `validation` (`valid`, `val`) and `test` (`testing`). Classes are matched between the parts by their name.
 * The photos of a part other than `train` may also lie in its folder itself, as ImageNet's do, with a file
 * `PATH/PART_labels.txt` beside the folder (`val_labels.txt` beside `val`) of lines `FILE CLASS`: {@link readLabelFile}.
 * Photos in folders inside of a class's folder belong to it. Links are followed. Hidden files and folders, files and
 * folders outside of the layout, and folders without photos are ignored and listed.
 *
 * @returns undefined where no photo is found in such a layout
 * @throws UsageError ERR_DATA_LAYOUT where two folders claim to be the same part
 * @throws UsageError ERR_DATA_LABELS where a label file is wrong, or validation photos lie in one folder without one
 */
export function scanImageFolder(path: string): ImageFolder | undefined {
  const root = resolve(path);
  const scan = new Scan(root);
  const partFolders = scan.partFolders();
  const divided = partFolders.size > 0;
  const found = new Map<Part, Map<string, string[]>>();
  if (divided) {
    // Training first: its classes are those that a label file may name.
    for (const part of PARTS) {
      const folder = partFolders.get(part);
      if (folder !== undefined) found.set(part, scan.classes(part, folder, found.get("train")));
    }
  } else {
    found.set("train", scan.classes("train", root));
  }
  const names = new Set([...found.values()].flatMap((classes) => [...classes.keys()]));
  if (names.size === 0) return undefined;

  const classes = [...names].sort();
  const labels = new Map(classes.map((name, label) => [name, label]));
  const parts: Partial<Record<Part, Photo[]>> = {};
  for (const [part, files] of found) {
    parts[part] = [...files].flatMap(([name, list]) => list.map((file) => ({ file, label: labels.get(name)! })));
    parts[part].sort((a, b) => (a.file < b.file ? -1 : 1));
  }
  return { root, name: basename(root), divided, classes, parts, ignored: scan.ignored };
}

/** One walk through a folder, which collects what it leaves out. */
class Scan {
  readonly ignored: Ignored[] = [];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The folder of each part, if the root is divided; what else lies beside them is then stray. */
  partFolders(): Map<Part, string> {
    const { folders, files } = this.#entries(this.#root);
    const partOf = (folder: string): Part | undefined =>
      PARTS.find((part) => PART_NAMES[part].includes(basename(folder).toLowerCase()));
    const parts = new Map<Part, string>();
    const named = folders.filter((folder) => partOf(folder) !== undefined);
    // Without "train" a class may be called "test"; only where nothing else is there the folders are parts.
    const divided = named.some((folder) => partOf(folder) === "train") || named.length === folders.length;
    if (!divided) return parts;
    for (const folder of folders) {
      const part = partOf(folder);
      if (part === undefined) {
        this.#ignore(folder, "stray", true);
        continue;
      }
      const other = parts.get(part);
      if (other !== undefined) {
        throw new UsageError(
          "ERR_DATA_LAYOUT",
          `scanImageFolder: ${other} and ${folder} both claim to be the ${part} part. Merge them, or move one away.`,
        );
      }
      parts.set(part, folder);
    }
    const labelFiles = new Set(
      [...parts].filter(([part]) => part !== "train").map(([, folder]) => labelFileOf(folder)),
    );
    for (const file of files) if (!labelFiles.has(file)) this.#ignore(file, "stray");
    return parts;
  }

  /**
   * Files of each class: the folders in the part's folder that hold photos, and the photos in it that a label file names.
   *
   * @param trained what a label file may name as a class; undefined allows any
   */
  classes(part: Part, folder: string, trained?: ReadonlyMap<string, unknown>): Map<string, string[]> {
    const { folders, files } = this.#entries(folder);
    const classes = new Map<string, string[]>();
    const labelFile = labelFileOf(folder);
    if (part !== "train" && existsSync(labelFile)) {
      const photos = new Map(files.filter((file) => this.#isPhoto(file)).map((file) => [basename(file), file]));
      for (const [name, label] of readLabelFile(labelFile, [...photos.keys()], trained)) {
        classes.set(label, classes.get(label) ?? []);
        classes.get(label)!.push(this.#relative(photos.get(name)!));
      }
    } else {
      for (const file of files) this.#ignore(file, "stray");
    }
    for (const inner of folders) {
      const photos = this.#photos(inner, new Set());
      // The same name may be spelt with composed or decomposed accents, depending on the system that wrote it.
      const name = basename(inner).normalize("NFC");
      if (photos.length === 0) this.#ignore(inner, "empty", true);
      else classes.set(name, [...(classes.get(name) ?? []), ...photos]);
    }
    // Test photos without classes are common; a run without its validation would be found out at its end.
    if (part === "validation" && classes.size === 0 && files.some(hasPhotoExtension)) {
      throw new UsageError(
        "ERR_DATA_LABELS",
        `scanImageFolder: the photos in ${folder} lie in no folder of a class, and there is no ${labelFile}. Write it, with a ` +
          "line FILE CLASS for each photo, or sort them into folders.",
      );
    }
    return classes;
  }

  /** Photos in a folder and the folders in it. `above` holds the real paths around it, against links in a circle. */
  #photos(folder: string, above: ReadonlySet<string>): string[] {
    const real = realpathSync(folder);
    if (above.has(real)) return [];
    const { folders, files } = this.#entries(folder);
    const photos = files.filter((file) => this.#isPhoto(file));
    const within = new Set(above).add(real);
    return [...photos.map((file) => this.#relative(file)), ...folders.flatMap((inner) => this.#photos(inner, within))];
  }

  /** Whether a file is a photo by its name; it is listed as ignored where it is not. */
  #isPhoto(file: string): boolean {
    if (hasPhotoExtension(file)) return true;
    this.#ignore(file, UNREAD_EXTENSIONS.has(extensionOf(file)) ? "unread-format" : "not-an-image");
    return false;
  }

  /** The visible folders and files in a folder, in order. A link that leads nowhere counts as a file. */
  #entries(folder: string): { folders: string[]; files: string[] } {
    const folders: string[] = [];
    const files: string[] = [];
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const isFolder =
        entry.isDirectory() ||
        (entry.isSymbolicLink() && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false));
      if (isHidden(entry.name)) this.#ignore(path, "hidden", isFolder);
      else (isFolder ? folders : files).push(path);
    }
    return { folders, files };
  }

  #ignore(path: string, reason: IgnoredReason, isFolder = false): void {
    this.ignored.push({ path: this.#relative(path) + (isFolder ? "/" : ""), reason });
  }

  #relative(path: string): string {
    return relative(this.#root, path).split(sep).join("/");
  }
}

const extensionOf = (file: string): string => extname(file).slice(1).toLowerCase();
const hasPhotoExtension = (file: string): boolean => EXTENSIONS.has(extensionOf(file));

/** Hidden by its name, or left behind by a file manager. */
function isHidden(name: string): boolean {
  return name.startsWith(".") || ["thumbs.db", "desktop.ini", "__macosx", "@eadir"].includes(name.toLowerCase());
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
export function checkClasses({ root, classes, parts }: ImageFolder): void {
  if (classes.length < 2) {
    throw new UsageError(
      "ERR_DATA_CLASSES",
      `${root} must have a folder for each of at least two classes; found only ${classes[0]}. ` +
        "If the classes lie deeper, give the folder that holds them.",
    );
  }
  if (parts.train === undefined) return;
  const counts = countByClass(parts.train, classes.length);
  const missing = classes.filter((_, label) => counts[label] === 0);
  if (missing.length === 0) return;
  const known = classes.filter((_, label) => counts[label] > 0);
  throw new UsageError(
    "ERR_DATA_CLASSES",
    `${root} has photos of ${missing.join(", ")} to validate or test on, but none to train on. ` +
      `Classes are matched by the names of their folders.${didYouMean(missing[0], known)} Add training photos, or remove these folders.`,
  );
}
