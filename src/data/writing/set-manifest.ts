/** The manifest of a written set: the settings that it was made with, so that images with different settings are never mixed. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { checkPath } from "../../runs/given-path.js";

/** The settings that decide the pixels of a set, by name. */
export type MadeFrom = Readonly<Record<string, string | number | boolean | null>>;

/** The manifest of a set. */
export interface SetManifest {
  readonly schema: 1;
  readonly madeFrom: MadeFrom;
  /** Names of the classes by label. */
  readonly classes: readonly string[];
  /** Whether everything that was requested is written. */
  readonly complete: boolean;
  /**
   * The key of the photo that each file was made from (`photoKey`), by the path of the file in the set, as CLASS/FILE. By it a run
   * recognises its photos. Missing for images in memory, and for sets of earlier versions.
   */
  readonly photos?: Readonly<Record<string, string>>;
}

/** The manifest of a set of re-textured images. */
export const STYLIZED_SET_MANIFEST = "stylized.json";

/**
 * Makes the folder of a set, or resumes an unfinished set that has the same settings.
 *
 * @param photos the keys of the photos, {@link SetManifest.photos}; they are added to those of a set that was begun
 * @returns whether the set was begun before
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made with other settings; nothing is
 *   changed then
 * @throws RunError ERR_WRITE where the folder cannot be written
 */
export function beginSet(
  folder: string,
  file: string,
  madeFrom: MadeFrom,
  classes: readonly string[],
  photos?: SetManifest["photos"],
): boolean {
  checkPath("the set", "to", folder);
  makeFolder(folder);
  const path = join(folder, file);
  const begun = existsSync(path);
  const before = begun ? readManifest(path) : undefined;
  if (before !== undefined) {
    const found = before.madeFrom;
    const names = [...new Set([...Object.keys(found), ...Object.keys(madeFrom)])];
    const name = names.find((key) => found[key] !== madeFrom[key]);
    if (name !== undefined) {
      throw new UsageError(
        "ERR_SET_EXISTS",
        `${folder} holds a set that was made with other settings: its ${name} is ${name in found ? found[name] : "not recorded"}; got ${madeFrom[name]}. ` +
          "Choose another folder, or remove this one.",
      );
    }
  } else if (readdirSync(folder).length > 0) {
    throw new UsageError(
      "ERR_SET_EXISTS",
      `${folder} must be a new or an empty folder, or hold an unfinished set of this program.`,
    );
  }
  writeManifest(path, {
    schema: 1,
    madeFrom,
    classes,
    complete: false,
    ...(photos && { photos: { ...before?.photos, ...photos } }),
  });
  return begun;
}

/** Records in the manifest that the set is complete. */
export function completeSet(folder: string, file: string): void {
  const path = join(folder, file);
  writeManifest(path, { ...readManifest(path), complete: true });
}

/** @throws UsageError ERR_SET_MANIFEST where the manifest cannot be read */
export function readManifest(path: string): SetManifest {
  try {
    const found = JSON.parse(readFileSync(path, "utf8")) as SetManifest;
    if (found.schema !== 1 || !Array.isArray(found.classes)) throw new Error("it has another schema");
    return found;
  } catch (cause) {
    throw new UsageError(
      "ERR_SET_MANIFEST",
      `cannot read ${path}: ${(cause as Error).message}. Restore it, or make the set again in another folder.`,
      { cause },
    );
  }
}

const writeManifest = (path: string, manifest: SetManifest): void =>
  writeFileAtomic(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
