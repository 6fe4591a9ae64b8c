/** Files of parts: JavaScript modules that register networks, attacks and corruptions when they are loaded. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AdvPropError, printable, shellWord, UsageError } from "./errors.js";
import { type PartKind, type RegisteredPart, registeredParts } from "./registered-parts.js";

/** A file and the parts that it registered. */
export interface PartsFile {
  /** Absolute path. */
  readonly file: string;
  /** SHA-256 of its bytes. */
  readonly digest: string;
  readonly parts: readonly RegisteredPart[];
}

const LOADED: PartsFile[] = [];

/**
 * Loads a JavaScript module that calls `registerModel`, `registerAttack` or `registerCorruption`: what `--parts FILE` of the command
 * line does. A file that was loaded already is not loaded again.
 *
 * A run records the files of its network and its attack. Worker threads load the file of a corruption again.
 *
 * @param file its path, relative to the working directory
 * @throws UsageError ERR_PARTS the file is missing, throws an error or registers nothing; and what the three functions throw, where a name is
 *   taken
 */
export async function loadParts(file: string): Promise<void> {
  const path = resolve(file);
  if (LOADED.some((one) => one.file === path)) return;
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new UsageError(
      "ERR_PARTS",
      `\`parts\` must be a JavaScript module; there is no file ${path}. Check the path`,
    );
  }
  const before = registeredParts().length;
  try {
    await import(pathToFileURL(path).href);
  } catch (cause) {
    if (cause instanceof AdvPropError) throw new UsageError(cause.code, `${path}: ${cause.message}`, { cause });
    throw new UsageError("ERR_PARTS", `${path} could not be loaded: ${reasonOf(cause)}`, { cause });
  }
  const parts = registeredParts().slice(before);
  if (parts.length === 0) {
    throw new UsageError(
      "ERR_PARTS",
      `${path} registers nothing. It must call registerModel, registerAttack or registerCorruption of the advprop that loads it, ` +
        `which is in ${fileURLToPath(new URL("..", import.meta.url))}`,
    );
  }
  LOADED.push({ file: path, digest: digestOf(path), parts });
}

/** The place in a loaded file that an error comes from, as FILE:LINE:COLUMN; undefined if it comes from none of them. */
export function placeInParts(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const { file } of LOADED) {
    const at = stack.indexOf(pathToFileURL(file).href);
    if (at >= 0) return file + (/^[^\s)]*?(:\d+:\d+)/.exec(stack.slice(at))?.[1] ?? "");
  }
  return undefined;
}

/** The loaded files that registered any of these parts, each with the parts that it registered. */
export function filesOfParts(wanted: readonly RegisteredPart[]): PartsFile[] {
  return LOADED.map((one) => ({ ...one, parts: one.parts.filter((part) => has(wanted, part)) })).filter(
    ({ parts }) => parts.length > 0,
  );
}

/** The loaded file that registered a part; undefined if the program itself registered it. */
export const fileOfPart = (kind: PartKind, name: string): string | undefined => filesOfParts([{ kind, name }])[0]?.file;

/**
 * Checks that the recorded parts of a run are registered. It loads no file, because the run can come from somebody else.
 *
 * @param run its folder, for messages
 * @returns   a note for each file that has changed since the run began
 * @throws UsageError ERR_PARTS a part is not registered
 */
export function checkParts(run: string, remembered: readonly PartsFile[]): string[] {
  const missing = remembered.filter(({ parts }) => parts.some((part) => !has(registeredParts(), part)));
  if (missing.length > 0) {
    const lines = missing.map(({ file, parts }) => {
      const what = parts.map(({ kind, name }) => `the ${kind} ${name}`).join(" and ");
      return existsSync(file)
        ? `${run} needs ${what}. It was made with ${printable(file)}, a program, and a run never causes a program to be loaded. ` +
            `If you trust it, give \`parts: ${shellWord(printable(file))}\``
        : `${run} needs ${what}. It was made with ${printable(file)}, and that file is not there. Give its new path with \`parts\``;
    });
    throw new UsageError("ERR_PARTS", lines.join("\n"));
  }
  return remembered.flatMap(({ file, digest, parts }) =>
    filesOfParts(parts)
      .filter((now) => now.digest !== digest)
      .map((now) => `Note: the parts in ${now.file} have changed since the run began (${file}).`),
  );
}

const has = (parts: readonly RegisteredPart[], { kind, name }: RegisteredPart): boolean =>
  parts.some((one) => one.kind === kind && one.name === name);

const digestOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What went wrong, and how the file can find this package where it could not. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (!message.includes("Cannot find package 'advprop'")) return message;
  return `${message.split("\n")[0]}. Put the file into the folder where advprop is installed, or below it`;
}
