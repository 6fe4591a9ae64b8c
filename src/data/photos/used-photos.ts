/** Which photos a run was trained and validated on, by their contents: kept with the run, whatever becomes of their folder. */

import { readFileSync } from "node:fs";
import type { Part } from "../folders/image-folder.js";

/** A photo, and the part of a run's images that it is in. */
export interface UsedPhoto {
  readonly key: string;
  readonly part: Part;
  /** Relative to the folder. */
  readonly file: string;
}

/** The file of a run: a line `KEY PART FILE` for each photo. */
export const formatUsedPhotos = (photos: readonly UsedPhoto[]): string =>
  photos.map(({ key, part, file }) => `${key} ${part} ${file}\n`).join("");

/** Reads what {@link formatUsedPhotos} wrote. */
export const parseUsedPhotos = (text: string): UsedPhoto[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, key, part, file] = /^(\S+) (\S+) (.*)$/.exec(line) as unknown as [string, string, Part, string];
      return { key, part, file };
    });

/** Reads what {@link formatUsedPhotos} wrote into a file: the part of each photo by its key; training wins where a photo is in several. */
export function readUsedPhotos(path: string): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [key, part] = line.split(" ", 2) as [string, Part];
    if (key !== "" && parts.get(key) !== "train") parts.set(key, part);
  }
  return parts;
}
