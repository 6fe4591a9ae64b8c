/** Whether a folder holds the photos that a run was trained on. */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { PARTS } from "../../data/folders/image-folder.js";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import { quickCheckPhotos } from "../../data/photos/quick-check.js";
import { photoExists, photoPath } from "../../data/photos/read-photo.js";
import { readUsedPhotos } from "../../data/photos/used-photos.js";
import { SHAPES } from "../../recipes/build/data.js";
import { RunDirectory, savedSplit } from "../../runs/run-directory.js";

/** The division of a run that holds for a folder; without a split where the run divided nothing. */
export interface OwnDivision {
  readonly split: SavedSplit | undefined;
}

/** A folder that has some of the photos that a run divided, and not all. */
export interface LostDivision {
  /** How many are not there under their names, or are others now. */
  readonly missing: number;
  readonly photos: number;
}

/**
 * The division of a run where a folder holds its photos: the folder that it was trained on, or one that has all the files of
 * the division, with the same contents. Links, moved folders and folders to which photos were added are the run's own.
 *
 * @param trained where the run's images lay
 * @param path    where the images lie that are asked for
 * @returns undefined for other images
 */
export async function ownDivision(
  run: string,
  trained: string | null,
  path: string,
): Promise<OwnDivision | LostDivision | undefined> {
  const split = savedSplit<SavedSplit>(run);
  if (trained !== null && realPath(trained) === realPath(path)) return { split };
  if (path === SHAPES || split === undefined || !existsSync(path)) return undefined;
  const files = PARTS.flatMap((part) => split.parts[part]);
  const there = files.filter((file) => photoExists(photoPath(path, file)));
  const { photos } = RunDirectory.open(run);
  if (!existsSync(photos)) return there.length === files.length ? { split } : undefined;
  const used = readUsedPhotos(photos);
  const looks = await quickCheckPhotos(path, there);
  const own = looks.filter(({ key }) => key === undefined || used.has(key)).length;
  if (own === files.length) return { split };
  const known = looks.some(({ key }) => key !== undefined && used.has(key));
  return known ? { missing: files.length - own, photos: files.length } : undefined;
}

const realPath = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));
