/** Splits a folder of photos for cross-validation. */
import { UsageError } from "../../errors.js";
import { checkSeed, KeyedRandom, Purpose } from "../../random.js";
import { type InspectionOptions, inspectPhotos } from "../inspection/inspection.js";
import { nearDuplicateGroups } from "../inspection/near-duplicates.js";
import { badPhotos } from "../photos/quick-check.js";
import { photoPath } from "../photos/read-photo.js";
import type { Photo } from "./image-folder.js";
import type { SavedSplit } from "./photo-split.js";
import { photosIn, recogniseFolder } from "./recognise-folder.js";

/**
 * One split per fold. Each photo is a test photo of one fold and a training photo of all others. Classes are spread evenly over
 * the folds. Near-duplicates are in the same fold. Photos that cannot be read are in no part.
 *
 * @param path a folder of photos, a folder per class, without parts
 * @throws UsageError ERR_FOLDS where there are fewer than two folds or more than photos of a class, or the folder has parts
 */
export async function foldSplits(
  path: string,
  folds: number,
  seed: number,
  options: InspectionOptions = {},
): Promise<SavedSplit[]> {
  checkSeed(seed, "foldSplits");
  const recognised = recogniseFolder(path, "compare");
  if (recognised.kind !== "photos") {
    throw new UsageError(
      "ERR_FOLDS",
      `compare: \`folds\` splits a folder of photos, and ${path} is another kind of set. Give \`seeds\``,
    );
  }
  const folder = await photosIn(path, recognised, "compare");
  if (folder.hasParts) {
    const why = `\`folds\` splits a folder without parts, and ${path} has parts of its own`;
    throw new UsageError("ERR_FOLDS", `compare: ${why}. Give \`seeds\`, or a folder of classes`);
  }
  const photos = folder.parts.train ?? [];
  const counts = folder.classes.map((_, label) => photos.filter((photo) => photo.label === label).length);
  const least = counts.indexOf(Math.min(...counts));
  if (!Number.isSafeInteger(folds) || folds < 2 || folds > counts[least]) {
    throw new UsageError(
      "ERR_FOLDS",
      `compare: \`folds\` must be an integer from 2 to ${counts[least]}, the number of photos of the smallest class (${folder.classes[least]}); got ${folds}`,
    );
  }
  const files = photos.map(({ file }) => file);
  const inspections = await inspectPhotos(
    files.map((file) => photoPath(folder.root, file)),
    options,
  );
  const good = photos.filter((_, i) => inspections[i].error === undefined);
  const copies = nearDuplicateGroups(
    inspections.flatMap(({ error, fingerprint }) => (error === undefined ? [fingerprint] : [])),
  );
  const foldOf = assignFolds(good, copies, folds, seed);
  const leftOut = badPhotos(files, inspections);
  const nearDuplicates = copies.map((group) => group.map((index) => good[index].file));
  const filesWhere = (wanted: (fold: number) => boolean) =>
    good.filter((_, index) => wanted(foldOf[index])).map(({ file }) => file);
  return Array.from({ length: folds }, (_, fold) => ({
    seed,
    fractions: { validation: 0, test: 1 / folds },
    ...(leftOut.length > 0 && { leftOut }),
    nearDuplicates,
    parts: { train: filesWhere((one) => one !== fold), validation: [], test: filesWhere((one) => one === fold) },
  }));
}

/** The fold of each photo. Groups come in a random order; each is put into the fold that has fewest photos of its class. */
export function assignFolds(
  photos: readonly Photo[],
  copies: readonly (readonly number[])[],
  folds: number,
  seed: number,
): number[] {
  const grouped = new Set(copies.flat());
  const groups = [...copies, ...photos.map((_, index) => [index]).filter(([index]) => !grouped.has(index))];
  const rank = new Map(groups.map((group) => [group, new KeyedRandom(seed, Purpose.split, 1, group[0]).uint32(0)]));
  // Large groups come first, so that single photos can even out what they leave uneven.
  groups.sort((a, b) => b.length - a.length || rank.get(a)! - rank.get(b)! || a[0] - b[0]);
  const foldOf = new Array<number>(photos.length).fill(0);
  const counts = new Map<number, number[]>();
  const all = new Array<number>(folds).fill(0);
  for (const group of groups) {
    const { label } = photos[group[0]];
    const own = counts.get(label) ?? new Array<number>(folds).fill(0);
    counts.set(label, own);
    const fold = own.reduce((best, count, i) => {
      const less = count < own[best] || (count === own[best] && all[i] < all[best]);
      return less ? i : best;
    }, 0);
    for (const index of group) foldOf[index] = fold;
    own[fold] += group.length;
    all[fold] += group.length;
  }
  return foldOf;
}
