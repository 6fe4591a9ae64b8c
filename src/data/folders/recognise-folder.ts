/** Recognises the kind of a folder of images. */

import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { listed, numbered, shellWord, UsageError } from "../../errors.js";
import { checkPath } from "../../runs/given-path.js";
import { type FoundDataset, findDataset, unknownLayout } from "../datasets/open-dataset.js";
import { openShards } from "../shards/open-shards.js";
import { partOfShard, shardsNamed } from "../shards/shard-names.js";
import { type CorruptedFolder, corruptedLayout, corruptedSetsInside, isOneCorruption } from "./corrupted-layout.js";
import { type Part, partFolders } from "./folder-parts.js";
import { FolderReader, systemReason } from "./folder-reader.js";
import { formatsOf, type Ignored, type ImageFolder, scanPhotos } from "./image-folder.js";
import { isHidden, isPhotoName } from "./image-names.js";

/** The kind of a folder, with what was found in it. */
export type RecognisedFolder =
  /** Files that are read into memory: CIFAR-10 or CIFAR-100. */
  | { readonly kind: "memory"; readonly set: FoundDataset }
  /** A corrupted set, which is evaluated for each corruption and severity. */
  | { readonly kind: "corrupted"; readonly set: CorruptedFolder }
  /** Photos in folders of classes or in shards, with or without folders of parts. */
  | {
      readonly kind: "photos";
      /** Names of the folders of the parts, by part. Empty where the folders are classes. */
      readonly parts: ReadonlyMap<Part, string>;
      /** Names of the folders in it, without hidden ones. */
      readonly folders: readonly string[];
      /**
       * Lists the photos.
       *
       * @throws UsageError ERR_DATA_LAYOUT where there are none; ERR_DATA_LABELS where a label file is wrong
       * @throws what {@link openShards} throws
       */
      scan(): Promise<ImageFolder>;
    };

/**
 * Recognises the kind of a folder from the names in it and in its subfolders, down to the classes. Every command uses this
 * function, so that all of them agree.
 *
 * The kinds are tried in this order: shards by their names ({@link shardsNamed}); CIFAR by its files, also in a folder
 * directly inside; a corrupted set ({@link corruptedLayout}); photos, whose folders are parts or classes ({@link partFolders}).
 *
 * @param what names the caller in messages
 * @throws UsageError ERR_PATH where the path is empty
 * @throws UsageError ERR_DATA_MISSING where the folder does not exist or cannot be read
 * @throws UsageError ERR_DATA_LAYOUT where it fits several kinds; the message names each with the reason
 */
export function recogniseFolder(path: string, what: string): RecognisedFolder {
  checkPath(what, "data", path);
  const shards = shardsNamed(path);
  if (shards.length > 0) {
    const parts = new Map(shards.flatMap((shard) => partOfShard(shard) ?? []).map((part) => [part, part]));
    return { kind: "photos", parts, folders: [], scan: () => openShards(path, shards) };
  }
  const reader = new FolderReader(resolve(path));
  checkFolder(path, reader, what);
  const set = findDataset(reader, what);
  if (set !== undefined) return { kind: "memory", set };
  const corrupted = corruptedLayout(reader);
  if (corrupted !== undefined) return { kind: "corrupted", set: corrupted };
  checkNotInside(path, reader, what);
  const parts = partFolders(reader, what);
  return {
    kind: "photos",
    parts,
    folders: reader.list(reader.root).folders.filter((name) => !isHidden(name)),
    async scan() {
      const folder = scanPhotos(reader, parts);
      if (folder.classes.length === 0) throw noPhotos(path, reader, folder.ignored, what);
      return folder;
    },
  };
}

/**
 * The photos of a folder, for commands that use nothing else.
 *
 * @throws UsageError ERR_DATA_LAYOUT for a corrupted set, and what {@link recogniseFolder} throws
 */
export async function photosIn(
  path: string,
  recognised: Exclude<RecognisedFolder, { kind: "memory" }>,
  what: string,
): Promise<ImageFolder> {
  if (recognised.kind === "photos") return recognised.scan();
  const { layout, severities } = recognised.set;
  throw new UsageError(
    "ERR_DATA_LAYOUT",
    `${what}: ${path} is a corrupted set in the layout ${layout} (${listed([...severities.keys()])}), which is evaluated as a whole: ` +
      `advprop evaluate MODEL \`data: ${shellWord(path)}\`, or evaluateSuite of the library. Give the clean images here` +
      (layout === "cifar-c"
        ? "."
        : ", one severity of it, or, where these are classes, a folder train that holds them."),
  );
}

const ARCHIVES = /\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar)$/i;

/** @throws UsageError ERR_DATA_MISSING */
function checkFolder(path: string, reader: FolderReader, what: string): void {
  const fail = (message: string) =>
    new UsageError("ERR_DATA_MISSING", `${what}: the data must be a folder; ${path} ${message}`);
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw fail(`cannot be read: ${systemReason(error)}. Check the path.`);
  }
  if (!isFolder) {
    if (ARCHIVES.test(path)) throw fail("is an archive. Unpack it, and give the folder that it unpacks to.");
    if (isPhotoName(path)) throw fail("is one image. Give a folder that holds a folder of images for each class.");
    throw fail("is a file. Give the folder that holds it, or another one.");
  }
  const { failure } = reader.list(reader.root);
  if (failure !== undefined) throw fail(`cannot be read: ${failure}. Change its permissions, or give another folder.`);
}

/** @throws UsageError ERR_DATA_LAYOUT where the folder is inside of a corrupted set, or holds several of them */
function checkNotInside(path: string, reader: FolderReader, what: string): void {
  const inside = corruptedSetsInside(reader);
  if (inside.length > 0) {
    throw new UsageError(
      "ERR_DATA_LAYOUT",
      `${what}: ${path} holds several corrupted sets; give one of ${listed(inside)}, or move their corruptions into one folder.`,
    );
  }
  const { root } = reader;
  if (isOneCorruption(reader, basename(root))) {
    throw new UsageError(
      "ERR_DATA_LAYOUT",
      `${what}: ${path} is one corruption of a corrupted set, and its folders are severities. Give ${dirname(root)}, which holds the ` +
        `set, or one severity, such as ${join(path, reader.list(root).folders[0])}. If they are classes, give ${path} another name.`,
    );
  }
}

/** The error for folders without photos, with the likely reason. */
function noPhotos(path: string, reader: FolderReader, ignored: readonly Ignored[], what: string): UsageError {
  const fail = (message: string) => new UsageError("ERR_DATA_LAYOUT", `${what}: ${path} ${message}`);
  const those = (...reasons: readonly Ignored["reason"][]) => ignored.filter(({ reason }) => reasons.includes(reason));
  const unread = those("unread-format");
  if (unread.length > 0) {
    return fail(
      `holds no image in a supported format, but ${numbered(unread.length, "file")} in unsupported formats (${formatsOf(unread)}), such as ` +
        `${listed([unread[0].path])}. Convert them to PNG or JPEG.`,
    );
  }
  const closed = those("unreadable-class", "name-not-utf8", "name-control-character", "broken-class-link");
  if (closed.length > 0) {
    const [{ path: first, detail = "its name is not UTF-8 or has a control character, or it is a broken link" }] =
      closed;
    return fail(`holds no folder of images that can be read: ${listed([first])}: ${detail}.`);
  }
  const loose = those("stray").filter((entry) => isPhotoName(entry.path));
  if (loose.length > 0) {
    return fail(
      `holds ${numbered(loose.length, "photo")} outside of folders of classes, such as ${listed([loose[0].path])}. Make a folder for each class ` +
        "and sort the photos into these folders.",
    );
  }
  return unknownLayout(path, reader, what);
}
