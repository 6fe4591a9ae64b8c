/** The photos that a run was trained and validated on, identified by their contents, so that they can be recognised later. */

import { readFileSync } from "node:fs";
import { RunError } from "../../errors.js";
import { PARTS, type Part } from "../folders/image-folder.js";

/** A photo and its part in a run. */
export interface UsedPhoto {
  readonly key: string;
  readonly part: Part;
  /** Relative to the folder. */
  readonly file: string;
}

/** The text of a run's file: a line `KEY PART FILE` for each photo. */
export const formatUsedPhotos = (photos: readonly UsedPhoto[]): string =>
  photos.map(({ key, part, file }) => `${key} ${part} ${file}\n`).join("");

/**
 * Reads a file with the text of {@link formatUsedPhotos}.
 *
 * @throws RunError ERR_RUN_FILE where a line has another form
 */
export function readUsedPhotos(path: string): UsedPhoto[] {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, i) => {
    const [, key, part, file] = /^(\S+) (\S+) (.+)$/s.exec(line) ?? [];
    if (PARTS.includes(part as Part)) return { key, part: part as Part, file };
    throw new RunError(
      "ERR_RUN_FILE",
      `${path}:${i + 1}: each line must be KEY PART FILE; got ${JSON.stringify(line.slice(0, 60))}. Restore the file, or start a new run.`,
    );
  });
}

/** The part of each photo of a run's file by its key. Of several parts, `train` wins. @throws as {@link readUsedPhotos} */
export function readUsedParts(path: string): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const { key, part } of readUsedPhotos(path)) if (parts.get(key) !== "train") parts.set(key, part);
  return parts;
}
