/** The photos that a run was trained and validated on, identified by their contents, so that they can be recognised later. */

import { readFileSync } from "node:fs";
import type { Part } from "../folders/image-folder.js";

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

/** Parses the text of {@link formatUsedPhotos}. */
export const parseUsedPhotos = (text: string): UsedPhoto[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, key, part, file] = /^(\S+) (\S+) (.*)$/.exec(line) as unknown as [string, string, Part, string];
      return { key, part, file };
    });

/** Reads a file with the text of {@link formatUsedPhotos}: the part of each photo by its key. Of several parts, `train` wins. */
export function readUsedPhotos(path: string): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [key, part] = line.split(" ", 2) as [string, Part];
    if (key !== "" && parts.get(key) !== "train") parts.set(key, part);
  }
  return parts;
}
