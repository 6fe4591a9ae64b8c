/** Resolves the photos that a user gives as files, folders, patterns or a list. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { globSync } from "tinyglobby";
import { UsageError } from "../../errors.js";
import { FolderReader } from "./folder-reader.js";
import { isHidden, isPhotoName } from "./image-names.js";

export interface PhotoList {
  /** In the order given. Those of one folder or pattern are sorted by their names. */
  readonly photos: readonly string[];
  /** Files of folders and patterns whose names are not those of photos. */
  readonly others: readonly string[];
}

/** Stands for a list of files on the standard input. */
const LIST = "-";

/**
 * The photos that a user gives: files, whatever their names; folders with their subfolders, without hidden entries; patterns
 * such as `photos/**\/*.jpg`; and `-` for a list with one file per line.
 *
 * @param readList returns the text of the list
 * @throws UsageError ERR_PHOTOS where nothing is given, a folder or a pattern has no photo, or the list is empty
 */
export async function listPhotos(given: readonly string[], readList: () => Promise<string>): Promise<PhotoList> {
  if (given.length === 0) {
    throw new UsageError(
      "ERR_PHOTOS",
      `photos must be given: files, folders, patterns such as "photos/*.jpg", or ${LIST} for a list of files on the standard input`,
    );
  }
  const photos: string[] = [];
  const others: string[] = [];
  for (const one of given) {
    const found = one === LIST ? linesOf(await readList()) : expand(one, others);
    // A file that is given itself or in a list can have any name.
    if (found.length === 0) {
      const what = one === LIST ? "the list on the standard input is empty" : `there is no photo in ${one}`;
      throw new UsageError("ERR_PHOTOS", `${what}. Formats are JPEG, PNG, WebP, AVIF and GIF`);
    }
    for (const file of found) photos.push(file);
  }
  return { photos, others };
}

const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== "");

function expand(given: string, others: string[]): string[] {
  if (isFolder(given)) return photosBelow(given, others);
  if (existsSync(given) || !/[*?[{]/.test(given)) return [given];
  const files = globSync(given, { expandDirectories: false }).sort();
  others.push(...files.filter((file) => !isPhotoName(file)));
  return files.filter(isPhotoName);
}

/** Whether a path leads to a folder; one that cannot be followed does not. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function photosBelow(folder: string, others: string[]): string[] {
  const reader = new FolderReader(resolve(folder));
  const photos: string[] = [];
  /** `above` has the real paths of the folders around this one, so that a loop of links ends. */
  const walk = (path: string, above: ReadonlySet<string>): void => {
    const real = realpathSync(path);
    if (above.has(real)) {
      others.push(path);
      return;
    }
    const { folders, files, odd, failure } = reader.list(resolve(path));
    if (failure !== undefined) throw new UsageError("ERR_PHOTOS", `cannot read the folder ${path}: ${failure}`);
    for (const name of files.filter((file) => !isHidden(file))) {
      (isPhotoName(name) ? photos : others).push(join(path, name));
    }
    others.push(...odd.map(({ name }) => join(path, name)));
    for (const name of folders.filter((one) => !isHidden(one))) walk(join(path, name), new Set([...above, real]));
  };
  walk(folder, new Set());
  return photos;
}
