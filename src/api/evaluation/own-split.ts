/** Whether a folder holds the photos that a run was trained on. */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { PARTS } from "../../data/folders/image-folder.js";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import { quickCheckPhotos } from "../../data/photos/quick-check.js";
import { photoExists, photoPath } from "../../data/photos/read-photo.js";
import { readUsedParts } from "../../data/photos/used-photos.js";
import { SHAPES } from "../../recipes/build/data.js";
import { RunDirectory, savedSplit } from "../../runs/run-directory.js";

/** The saved split of a run, for a folder with the run's own photos. `split` is undefined if the run made none. */
export interface OwnSplit {
  readonly split: SavedSplit | undefined;
}

/** A folder that has some photos of a run's split, but not all. */
export interface LostSplit {
  /** Number of photos that are missing or have other contents now. */
  readonly missing: number;
  readonly photos: number;
}

/**
 * The saved split of a run, if a folder holds the run's photos: the folder that it was trained on, or another folder that has all files
 * of the split with the same contents. This includes links, moved folders, and folders to which photos were added.
 *
 * @param trained the folder of the run's images
 * @param path    the folder of the images to evaluate on
 * @returns undefined for other images
 */
export async function ownSplit(
  run: string,
  trained: string | null,
  path: string,
): Promise<OwnSplit | LostSplit | undefined> {
  const split = savedSplit<SavedSplit>(run);
  if (trained !== null && realPath(trained) === realPath(path)) return { split };
  if (path === SHAPES || split === undefined || !existsSync(path)) return undefined;
  const files = PARTS.flatMap((part) => split.parts[part]);
  const there = files.filter((file) => photoExists(photoPath(path, file)));
  const { photos } = RunDirectory.open(run);
  if (!existsSync(photos)) return there.length === files.length ? { split } : undefined;
  const used = readUsedParts(photos);
  const looks = await quickCheckPhotos(path, there);
  const own = looks.filter(({ key }) => key === undefined || used.has(key)).length;
  if (own === files.length) return { split };
  const known = looks.some(({ key }) => key !== undefined && used.has(key));
  return known ? { missing: files.length - own, photos: files.length } : undefined;
}

const realPath = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));
