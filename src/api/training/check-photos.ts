/** Checks a folder of photos before a training. */

import { type ImageFolder, PARTS, type Part } from "../../data/folders/image-folder.js";
import { photosIn, recogniseFolder } from "../../data/folders/recognise-folder.js";
import { checkStructure } from "../../data/inspection/check-structure.js";
import { duplicateFinding, exactDuplicates, type KeyedPhoto } from "../../data/inspection/duplicates.js";
import { type Finding, findingLines } from "../../data/inspection/findings.js";
import type { UsedPhoto } from "../../data/photos/used-photos.js";
import { shellWord, UsageError } from "../../errors.js";
import { SHAPES } from "../../recipes/build/data.js";

/**
 * Largest share of the photos of a part, or of all photos, that may be duplicates. Large published sets, such as ImageNet, have a few
 * photos in two classes or parts. These do not spoil a training.
 */
const FEW = 0.01;

/** A folder of photos that was checked. */
export interface CheckedPhotos {
  readonly path: string;
  readonly folder: ImageFolder;
  /** The findings as lines. */
  readonly lines: readonly string[];
}

/**
 * Checks the names and numbers of photos in a folder, as `checkData` does. The photos themselves are checked when they are opened.
 *
 * @returns undefined for images that are not photos
 * @throws ERR_DATA_CHECK there is an error that would spoil the training
 */
export async function checkPhotos(path: string | null): Promise<CheckedPhotos | undefined> {
  if (path === null || path === SHAPES) return undefined;
  const recognised = recogniseFolder(path, "train");
  if (recognised.kind === "memory") return undefined;
  const folder = await photosIn(path, recognised, "train");
  const findings = checkStructure(folder);
  if (findings.some(({ severity }) => severity === "error")) throw spoiled(path, findings);
  return { path, folder, lines: findingLines(findings) };
}

/**
 * Finds photos that are in several parts or classes, by their contents.
 *
 * @param used the photos that the training uses, with their parts
 * @returns the findings as lines, if they are few
 * @throws ERR_DATA_CHECK more than 1 % of the photos of a part are in another part too, or more than 1 % of all photos are in several classes
 */
export async function checkDuplicates({ path, folder }: CheckedPhotos, used: readonly UsedPhoto[]): Promise<string[]> {
  const { root, parts, classes } = folder;
  const labels = new Map(PARTS.flatMap((part) => parts[part] ?? []).map(({ file, label }) => [file, label]));
  const photos = used.map((photo): KeyedPhoto => ({ ...photo, label: labels.get(photo.file)! }));
  const groups = await exactDuplicates(root, photos);
  const acrossParts = groups.filter((group) => new Set(group.map(({ part }) => part)).size > 1).flat();
  const acrossClasses = groups.filter((group) => new Set(group.map(({ label }) => label)).size > 1).flat();
  const count = (list: readonly KeyedPhoto[], part: Part) => list.filter((photo) => photo.part === part).length;
  const many =
    acrossClasses.length > FEW * photos.length ||
    PARTS.some((part) => count(acrossParts, part) > FEW * count(photos, part));
  const findings = groups
    .map((group) => duplicateFinding(group, classes, "exact"))
    .filter(({ severity }) => severity === "error");
  if (many) throw spoiled(path, findings);
  return findingLines(findings.map((finding) => ({ ...finding, severity: "warning" })));
}

function spoiled(path: string, findings: readonly Finding[]): UsageError {
  return new UsageError(
    "ERR_DATA_CHECK",
    `the images in ${path} have errors that would spoil the training:\n${findingLines(findings).join("\n")}\n` +
      `For the full check: advprop data check ${shellWord(path)}`,
  );
}
