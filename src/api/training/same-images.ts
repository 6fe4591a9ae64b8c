/** Whether a run that is resumed still has the images that it began with. */
import { existsSync, readFileSync } from "node:fs";
import type { OpenedData } from "../../data/opened-data.js";
import { parseUsedPhotos, type UsedPhoto } from "../../data/photos/used-photos.js";
import { UsageError } from "../../errors.js";
import type { RunDirectory } from "../../runs/run-directory.js";

/**
 * Compares the images of a run with those that it began with: classes, numbers, and each photo by its file, part and contents, or
 * the pixels of a set in memory.
 *
 * @returns what is to be said, where the run recorded too little to tell
 * @throws UsageError ERR_DATA_CHANGED they are others
 */
export function checkSameImages(run: RunDirectory, data: OpenedData): string | undefined {
  const { data: before } = run.readInfo();
  const recorded = data.photos !== undefined && existsSync(run.photos);
  const differences = [
    ...classDifferences(before.classes, data.classes),
    ...(recorded ? photoDifferences(parseUsedPhotos(readFileSync(run.photos, "utf8")), data.photos) : []),
  ];
  for (const [what, was, now] of [
    ["training", before.trainingImages, data.train?.length ?? 0],
    ["validation", before.validationImages, data.validation?.length ?? 0],
  ] as const) {
    if (was !== now) differences.push(`there were ${was} ${what} images, and there are ${now}`);
  }
  const { digest } = before;
  if (differences.length === 0 && digest !== undefined && data.digest !== undefined && data.digest() !== digest) {
    differences.push("there are as many images, but their pixels or labels are others");
  }
  if (differences.length > 0) {
    throw new UsageError(
      "ERR_DATA_CHANGED",
      `train: ${data.name} is not what ${run.path} began with, so it cannot go on as it began: ${differences.join("; ")}. ` +
        "Put the images back as they were, or start a new run",
    );
  }
  if (recorded || digest !== undefined) return undefined;
  return "Note: the run does not record its images, as it is of an earlier version: other images of the same classes and number would not be noticed.";
}

function classDifferences(before: readonly string[], now: readonly string[]): string[] {
  const gone = before.filter((name) => !now.includes(name));
  const added = now.filter((name) => !before.includes(name));
  const list = (names: readonly string[]) => some(names, (name) => name);
  if (gone.length + added.length > 0) {
    return [
      ...(gone.length > 0 ? [`classes that are gone: ${list(gone)}`] : []),
      ...(added.length > 0 ? [`new classes: ${list(added)}`] : []),
    ];
  }
  return before.some((name, i) => now[i] !== name) ? ["the classes have another order"] : [];
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
    found.length === 0 ? [] : [`photos that ${what}: ${some(found, ([, { file }]) => file)}`];
  return [...say(gone, "are gone"), ...say(added, "came to it"), ...say(changed, "have other contents")];
}

/** "3 (a, b, c)", of many the first. */
function some<T>(items: readonly T[], nameOf: (item: T) => string): string {
  const shown = items.slice(0, 3).map(nameOf).join(", ");
  return `${items.length} (${shown}${items.length > 3 ? ", ..." : ""})`;
}
