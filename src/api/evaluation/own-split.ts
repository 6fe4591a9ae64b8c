/** Finds a run's own photos in a folder, by their contents. */
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { PARTS, type Part } from "../../data/folders/image-folder.js";
import { findSplit, type SavedSplit } from "../../data/folders/photo-split.js";
import { photosIn, recogniseFolder } from "../../data/folders/recognise-folder.js";
import { quickCheckPhotos } from "../../data/photos/quick-check.js";
import { readUsedPhotos } from "../../data/photos/used-photos.js";
import { SHAPES } from "../../recipes/build/data.js";
import { RunDirectory, savedSplit } from "../../runs/run-directory.js";

/** The saved split of a run, for a folder with the run's own photos. */
export interface OwnSplit {
  /** The split with the names that its photos have in the folder; undefined if the run made none. */
  readonly split: SavedSplit | undefined;
  /** Whether photos are missing, and how many there were; undefined if all are there. */
  readonly missing?: MissingPhotos;
}

/** A folder that holds photos that a run was trained or validated on, and none of the requested part. */
export interface LostSplit {
  readonly missing: MissingPhotos;
}

/** Photos of a run's split that are missing in a folder, or have other contents there. */
export interface MissingPhotos {
  readonly all: number;
  /** Number of photos of the split. */
  readonly of: number;
  /** Number of missing photos of the requested part. */
  readonly ofPart: number;
}

/**
 * The saved split of a run, if a folder holds the run's photos: the folder that it was trained on, or another one with photos that it
 * was trained on. So they are recognised after the folder was copied, moved or linked, and after photos were added, renamed or removed.
 *
 * @param trained the path of the run's images
 * @param path    the path of the images to evaluate on
 * @param part    the part to evaluate on
 * @returns undefined for other images
 * @throws UsageError what `recogniseFolder` and the listing of photos throw
 */
export async function ownSplit(
  run: string,
  trained: string | null,
  path: string,
  part: Part,
): Promise<OwnSplit | LostSplit | undefined> {
  const split = savedSplit<SavedSplit>(run);
  const same = trained !== null && realPath(trained) === realPath(path);
  if (path === SHAPES || split === undefined) return same ? { split } : undefined;
  const recognised = recogniseFolder(path, "evaluate");
  if (recognised.kind !== "photos") return undefined;
  const folder = await photosIn(path, recognised, "evaluate");
  // The folder's own part needs no split.
  if (folder.hasParts && folder.parts[part] !== undefined) return undefined;
  const files = (folder.parts.train ?? []).map(({ file }) => file);
  const there = new Set(files);
  const complete = PARTS.every((one) => split.parts[one].every((file) => there.has(file)));
  const list = RunDirectory.open(run).photos;
  if (!existsSync(list)) {
    // Without a record of their contents, photos are recognised by name, and only in the run's own folder.
    if (complete) return { split };
    if (!same) return undefined;
  }
  const recorded = existsSync(list) ? readUsedPhotos(list) : [];
  const keyed = async (names: readonly string[]) => {
    const checks = await quickCheckPhotos(folder.root, names);
    return names.map((file, i) => ({ file, key: checks[i].key }));
  };
  if (same && complete) {
    // Only the photos to evaluate on are compared, because training photos can be many.
    const usual = { ...split, parts: { train: [], validation: [], test: [], [part]: split.parts[part] } };
    const unchanged = findSplit(usual, await keyed(split.parts[part]), recorded);
    if (unchanged.parts[part].length === split.parts[part].length) return { split };
  }
  const found = findSplit(split, await keyed(files), recorded);
  const missingOf = (one: Part) => split.parts[one].length - found.parts[one].length;
  const missing: MissingPhotos = {
    all: PARTS.reduce((sum, one) => sum + missingOf(one), 0),
    of: PARTS.reduce((sum, one) => sum + split.parts[one].length, 0),
    ofPart: missingOf(part),
  };
  if (missing.all === 0) return { split: found };
  const learnt = found.parts.train.length + found.parts.validation.length > 0;
  // Without photos that the run learnt from, all photos of another folder are new to it.
  if (!same && !learnt) return undefined;
  return found.parts[part].length > 0 ? { split: found, missing } : { missing };
}

const realPath = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));
