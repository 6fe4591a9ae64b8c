/** Writes files so that they have either the old or the new contents, whatever happens; makes folders, and checks them before long work. */

import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { RunError } from "../errors.js";
import { faultPoint } from "./fault-point.js";

const SUFFIX = ".tmp";

/**
 * Replaces a file as a whole: writes a new file in the same folder, flushes it to the disk, renames it to `path` and flushes the
 * folder. Any reader of `path`, also after a crash, sees either the complete old or the complete new contents. If writing
 * fails, the old file stays and the new one is removed.
 *
 * @param data the contents, or parts of them in order, so that large arrays need not be joined first
 * @param flush whether the file must survive a power failure. Without it, many small files are written faster, and the
 *   file survives only the end of the process
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
    const needed = Array.isArray(data) ? data.reduce((sum, { byteLength }) => sum + byteLength, 0) : data.length;
    removeIfThere(temporary);
    throw writeError(path, cause, diskRemedy(folder, needed, cause));
  }
}

/**
 * Gives a file a second name and replaces any file with that name. The file is copied on file systems without hard links. A later
 * {@link writeFileAtomic} of the first name does not change the file of the second name.
 *
 * @throws RunError ERR_WRITE where this fails
 */
export function keepAs(path: string, second: string): void {
  const temporary = join(dirname(second), `.${basename(second)}.${process.pid}${SUFFIX}`);
  try {
    rmSync(temporary, { force: true });
    try {
      linkSync(path, temporary);
    } catch {
      copyFileSync(path, temporary);
    }
    renameSync(temporary, second);
    rmSync(temporary, { force: true }); // rename keeps it if both names are the same file already
  } catch (cause) {
    removeIfThere(temporary);
    throw writeError(second, cause);
  }
}

/**
 * Makes a folder and those around it, unless they exist.
 *
 * @returns the outermost folder that was made, undefined if all existed
 * @throws RunError ERR_WRITE where this fails
 */
export function makeFolder(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw writeError(folder, isMissing(error) ? reasonAgainst(folder, error) : error);
  }
}

/** Why a folder cannot be made. Node's recursive `mkdir` hides some reasons, such as a read-only file system, behind ENOENT. */
function reasonAgainst(folder: string, unclear: unknown): unknown {
  let first = resolve(folder);
  while (!existsSync(dirname(first))) first = dirname(first);
  try {
    mkdirSync(first);
    return unclear;
  } catch (error) {
    return error;
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

/** Enough to find a full disk, which can still have space for a name. */
const PROBE_BYTES = 4096;

/**
 * Checks that files can be written into a folder, by one that is removed again. For long work that would otherwise fail at its end.
 *
 * @throws RunError ERR_WRITE where this fails
 */
export function checkWritable(folder: string): void {
  const probe = join(folder, `.check.${process.pid}${SUFFIX}`);
  try {
    writeFileSync(probe, Buffer.alloc(PROBE_BYTES));
    rmSync(probe, { force: true }); // two hosts can have processes of the same number
  } catch (cause) {
    removeIfThere(probe);
    throw writeError(folder, cause);
  }
}

/** `rmSync` with `force` fails where a part of the path is a file. */
function removeIfThere(path: string): void {
  if (existsSync(path)) rmSync(path, { force: true });
}

/** Removes temporary files of a process that was killed in {@link writeFileAtomic}. Only the writer of the folder may call it. */
export function removeTemporaryFiles(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(".") && name.endsWith(SUFFIX)) rmSync(join(folder, name), { force: true });
    }
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "The disk is full: free some space.",
  EDQUOT: "Your disk quota is used up: free some space.",
  EACCES: "You may not write there: choose another folder or change its permissions.",
  EPERM: "You may not write there: choose another folder or change its permissions.",
  EROFS: "That file system is read-only: choose another folder.",
  ENOTDIR: "A part of that path is a file, not a folder: choose another.",
  EEXIST: "A file has that name: choose another.",
  ENOENT: "The folder does not exist, or was removed during the write.",
};

/** For a full disk: the size of the file and the free space. */
function diskRemedy(folder: string, needed: number, cause: unknown): string | undefined {
  if ((cause as NodeJS.ErrnoException).code !== "ENOSPC") return undefined;
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= needed) return undefined; // there is space for the bytes, but not for another file name
  const size = (bytes: number) =>
    needed < 1e6 ? `${bytes.toLocaleString("en")} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
  return `The disk is full: the file needs ${size(needed)}, and ${size(bavail * bsize)} are free. Free some space.`;
}

/** The error for a file that could not be written, with advice. */
export function writeError(path: string, cause: unknown, remedy?: string): RunError {
  const { code, message } = cause as NodeJS.ErrnoException;
  remedy ??= REMEDIES[code ?? ""] ?? "Check the folder and the disk.";
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
