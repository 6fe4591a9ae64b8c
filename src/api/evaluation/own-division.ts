/** Whether a folder holds the photos that a run was trained on. */
import { existsSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { PARTS } from "../../data/image-folder.js";
import { lookAtPhotos } from "../../data/photo-look.js";
import type { SavedSplit } from "../../data/photo-split.js";
import { readUsedPhotos } from "../../data/used-photos.js";
import { SHAPES } from "../../recipes/data.js";
import { RunDirectory, savedSplit } from "../../runs/run-directory.js";

/**
 * The division of a run where a folder holds its photos: the folder that it was trained on, or one that has all the files of
 * the division, with the same contents. Links, moved folders and folders to which photos were added are the run's own.
 *
 * @param trained where the run's images lay
 * @param path    where the images lie that are asked for
 * @returns undefined for other images; without a split where the run divided nothing
 */
export async function ownDivision(
  run: string,
  trained: string | null,
  path: string,
): Promise<{ readonly split: SavedSplit | undefined } | undefined> {
  const split = savedSplit<SavedSplit>(run);
  if (trained !== null && realPath(trained) === realPath(path)) return { split };
  if (path === SHAPES || split === undefined || !existsSync(path)) return undefined;
  const files = PARTS.flatMap((part) => split.parts[part]);
  if (!files.every((file) => existsSync(join(path, file)))) return undefined;
  const { photos } = RunDirectory.open(run);
  if (!existsSync(photos)) return { split };
  const used = readUsedPhotos(photos);
  const looks = await lookAtPhotos(path, files);
  return looks.every(({ key }) => key === undefined || used.has(key)) ? { split } : undefined;
}

const realPath = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));
