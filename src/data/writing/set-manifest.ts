/** The note in a set that this program writes: how it was made, so that it is never mixed with images made otherwise. */

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";

/** What decides the pixels of a set, as plain values by name. */
export type MadeFrom = Readonly<Record<string, string | number | null>>;

/** The note of a set. */
export interface SetManifest {
  readonly schema: 1;
  readonly madeFrom: MadeFrom;
  /** Names of the classes by label. */
  readonly classes: readonly string[];
  /** Whether everything that was asked for is there. */
  readonly complete: boolean;
}

/**
 * Makes the folder of a set, or goes on in one that was begun in the same way.
 *
 * @returns whether the set was begun before
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made otherwise; nothing is changed then
 * @throws RunError ERR_WRITE where the folder cannot be written
 */
export function beginSet(folder: string, file: string, madeFrom: MadeFrom, classes: readonly string[]): boolean {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  const path = join(folder, file);
  const begun = existsSync(path);
  if (begun) {
    const found = readManifest(path).madeFrom;
    const names = [...new Set([...Object.keys(found), ...Object.keys(madeFrom)])];
    const name = names.find((key) => found[key] !== madeFrom[key]);
    if (name !== undefined) {
      throw new UsageError(
        "ERR_SET_EXISTS",
        `${folder} holds a set that was made otherwise: its ${name} is ${name in found ? found[name] : "not noted"}, and ${madeFrom[name]} is asked for. ` +
          "Choose another folder, or remove this one.",
      );
    }
  } else if (readdirSync(folder).length > 0) {
    throw new UsageError(
      "ERR_SET_EXISTS",
      `${folder} must be a new or an empty folder, or hold a set that was begun here.`,
    );
  }
  writeManifest(path, { schema: 1, madeFrom, classes, complete: false });
  return begun;
}

/** Notes that everything that was asked for is there. */
export function completeSet(folder: string, file: string): void {
  const path = join(folder, file);
  writeManifest(path, { ...readManifest(path), complete: true });
}

/** @throws UsageError ERR_SET_MANIFEST where the note cannot be read */
export function readManifest(path: string): SetManifest {
  try {
    const found = JSON.parse(readFileSync(path, "utf8")) as SetManifest;
    if (found.schema !== 1 || !Array.isArray(found.classes)) throw new Error("it is of another schema");
    return found;
  } catch (cause) {
    throw new UsageError(
      "ERR_SET_MANIFEST",
      `cannot read ${path}: ${(cause as Error).message}. Restore it, or make the set anew in another folder.`,
      { cause },
    );
  }
}

const writeManifest = (path: string, manifest: SetManifest): void =>
  writeFileAtomic(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
