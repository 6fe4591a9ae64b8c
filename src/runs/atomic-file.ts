/** Files that are either the old ones or the new ones, whatever happens in between. */

import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RunError } from "../errors.js";
import { faultPoint } from "./fault-point.js";

const SUFFIX = ".tmp";

/**
 * Replaces a file as a whole: writes a new file in the same folder, flushes it to the disk, renames it over `path` and
 * flushes the folder. Whoever reads `path` at any moment, also after a crash, sees all of the old or all of the new
 * contents. Where writing fails the old file stays and the new one is removed.
 *
 * @param data the contents, or its pieces in order, so that large arrays need not be joined first
 * @param flush whether the file must outlive a power failure; without, many small files are written faster, and only a killed
 *   process does no harm
 * @throws RunError ERR_WRITE where the file cannot be written, for instance on a full disk
 */
export function writeFileAtomic(
  path: string,
  data: string | Uint8Array | readonly Uint8Array[],
  { flush = true }: { readonly flush?: boolean } = {},
): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}${SUFFIX}`);
  try {
    withFile(temporary, "w", (descriptor) => {
      for (const piece of Array.isArray(data) ? data : [data]) {
        writeFileSync(descriptor, piece);
        faultPoint(`${basename(path)}:writing`);
      }
      if (flush) fsyncSync(descriptor);
    });
    faultPoint(`${basename(path)}:written`);
    renameSync(temporary, path);
    faultPoint(`${basename(path)}:renamed`);
    if (flush) withFile(folder, "r", fsyncSync);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeError(path, cause);
  }
}

/** Removes what a killed process left behind in the middle of {@link writeFileAtomic}. Only the writer may call it. */
export function removeTemporaryFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(".") && name.endsWith(SUFFIX)) rmSync(join(folder, name), { force: true });
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: free some space.",
  EDQUOT: "Your disk quota is used up: free some space.",
  EACCES: "You may not write there: choose another folder or change its permissions.",
  EPERM: "You may not write there: choose another folder or change its permissions.",
  EROFS: "That file system is read-only: choose another folder.",
  ENOTDIR: "A part of that path is a file, not a folder: choose another.",
  ENOENT: "The folder does not exist or was removed meanwhile.",
};

/** The error for a file that could not be written, with what to do about it. */
export function writeError(path: string, cause: unknown): RunError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy = REMEDIES[code ?? ""] ?? "Check the folder and the disk.";
  return new RunError("ERR_WRITE", `cannot write ${path}: ${message}. ${remedy}`, { cause });
}

function withFile(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
