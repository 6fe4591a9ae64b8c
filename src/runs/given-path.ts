/** Checks the paths that a user gives, before any work is done: an empty one is a mistake, and no input may be overwritten. */
import { type BigIntStats, statSync } from "node:fs";
import { dirname } from "node:path";
import { RunError, UsageError } from "../errors.js";
import { checkWritable } from "./atomic-file.js";

/**
 * Checks that a path is given. An empty one would stand for the current folder, and usually comes from a variable that is not set.
 *
 * @param what   the caller, for messages
 * @param option the name of the path's option
 * @throws UsageError ERR_PATH it is empty
 */
export function checkPath(what: string, option: string, path: string): void {
  if (path !== "") return;
  throw new UsageError(
    "ERR_PATH",
    `${what}: \`${option}\` must be a path; got an empty text. Is a variable not set? For the current folder write .`,
  );
}

/**
 * Checks the path `to` of a file that will be written: it has the ending of its format, is no input, and can be written. The
 * inputs are compared as the system sees them, so that links and other spellings do not matter.
 *
 * @param what   the caller, for messages
 * @param ending of the format, such as ".csv"; upper case counts too
 * @param inputs what is read; those that are not on this machine are ignored
 * @throws UsageError ERR_PATH the ending is another one, or the file is an input; ERR_WRITE its folder does not exist
 * @throws RunError ERR_WRITE it cannot be written
 */
export function checkOutputFile(what: string, to: string, ending: string, inputs: readonly string[]): void {
  checkEnding(what, to, ending);
  checkNoInput(what, to, inputs, "file");
  if (found(to)?.isDirectory()) {
    throw new RunError("ERR_WRITE", `${what}: \`to\` must name a file, but ${to} is a folder. Choose another name`);
  }
  if (found(dirname(to))?.isDirectory() !== true) {
    throw new UsageError("ERR_WRITE", `${what}: the folder ${dirname(to)} does not exist. Create it first`);
  }
  checkWritable(dirname(to));
}

/** @throws UsageError ERR_PATH the path `to` does not end in the ending of its format */
export function checkEnding(what: string, to: string, ending: string): void {
  if (to.toLowerCase().endsWith(ending)) return;
  throw new UsageError("ERR_PATH", `${what}: \`to\` must name a file that ends in ${ending}; got ${to}`);
}

/** @throws UsageError ERR_PATH the path `to` is that of an input, maybe in another spelling or through a link */
export function checkNoInput(what: string, to: string, inputs: readonly string[], kind: "file" | "folder"): void {
  const written = identity(to);
  const input = written === undefined ? undefined : inputs.find((one) => identity(one) === written);
  if (input === undefined) return;
  const spelling = input === to ? to : `${input}, but ${to} is the same ${kind}`;
  throw new UsageError("ERR_PATH", `${what}: \`to\` must not be its input ${spelling}. Choose another ${kind}`);
}

/** What two paths of the same file or folder share; undefined where there is none. */
function identity(path: string): string | undefined {
  const file = found(path);
  return file && `${file.dev}:${file.ino}`;
}

/** Undefined also where a part of the path is a file, or may not be read. */
function found(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
