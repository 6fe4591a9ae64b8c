/** Checks that a resumed run still has the images that it began with. */
import { existsSync } from "node:fs";
import type { OpenedData } from "../../data/opened-data.js";
import { readUsedPhotos, type UsedPhoto } from "../../data/photos/used-photos.js";
import { UsageError } from "../../errors.js";
import type { RunDirectory } from "../../runs/run-directory.js";

/**
 * Compares the images of a run with those that it began with: classes, numbers, and the file, split and contents of each photo, or the
 * pixels of images in memory.
 *
 * @returns a note if the run recorded too little for the check
 * @throws UsageError ERR_DATA_CHANGED the images differ
 */
export function checkSameImages(run: RunDirectory, data: OpenedData): string | undefined {
  const { data: before } = run.readInfo();
  const recorded = data.photos !== undefined && existsSync(run.photos);
  const differences = [
    ...classDifferences(before.classes, data.classes),
    ...(recorded ? photoDifferences(readUsedPhotos(run.photos), data.photos) : []),
  ];
  for (const [what, was, now] of [
    ["training", before.trainingImages, data.train?.length ?? 0],
    ["validation", before.validationImages, data.validation?.length ?? 0],
  ] as const) {
    if (was !== now) differences.push(`there were ${was} ${what} images, and there are ${now}`);
  }
  const { digest } = before;
  if (digest !== undefined && data.digest === undefined) differences.push("they were a set in memory, and are photos");
  if (existsSync(run.photos) && data.photos === undefined)
    differences.push("they were photos, and are a set in memory");
  if (differences.length === 0 && digest !== undefined && data.digest !== undefined && data.digest() !== digest) {
    differences.push("the number of images is the same, but their pixels or labels differ");
  }
  if (differences.length > 0) {
    throw new UsageError(
      "ERR_DATA_CHANGED",
      `train: ${data.name} differs from the data that ${run.path} began with, so the run cannot be resumed: ${differences.join("; ")}. ` +
        "Restore the images, or start a new run",
    );
  }
  if (recorded || digest !== undefined) return undefined;
  return "Note: the run was made by an earlier version and does not record its images, so changed images of the same classes and number cannot be detected.";
}

function classDifferences(before: readonly string[], now: readonly string[]): string[] {
  const gone = before.filter((name) => !now.includes(name));
  const added = now.filter((name) => !before.includes(name));
  const list = (names: readonly string[]) => some(names, (name) => name);
  if (gone.length + added.length > 0) {
    return [
      ...(gone.length > 0 ? [`removed classes: ${list(gone)}`] : []),
      ...(added.length > 0 ? [`new classes: ${list(added)}`] : []),
    ];
  }
  return before.some((name, i) => now[i] !== name) ? ["the order of the classes changed"] : [];
}

function photoDifferences(before: readonly UsedPhoto[], now: readonly UsedPhoto[]): string[] {
  const learnt = (photos: readonly UsedPhoto[]) =>
    new Map(
      photos.flatMap(({ part, file, key }) => (part === "test" ? [] : [[`${part} ${file}`, { file, key }] as const])),
    );
  const [old, present] = [learnt(before), learnt(now)];
  const gone = [...old].filter(([name]) => !present.has(name));
  const added = [...present].filter(([name]) => !old.has(name));
  const changed = [...present].filter(([name, { key }]) => old.has(name) && old.get(name)!.key !== key);
  const say = (found: typeof gone, what: string) =>
    found.length === 0 ? [] : [`${what} photos: ${some(found, ([, { file }]) => file)}`];
  return [...say(gone, "removed"), ...say(added, "added"), ...say(changed, "changed")];
}

/** A count with the first few names: "3 (a, b, c)". */
function some<T>(items: readonly T[], nameOf: (item: T) => string): string {
  const shown = items.slice(0, 3).map(nameOf).join(", ");
  return `${items.length} (${shown}${items.length > 3 ? ", ..." : ""})`;
}
