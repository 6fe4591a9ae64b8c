/** Sentences that tell the user about surprising results of a split. */

import { listed, numbered } from "../../errors.js";
import type { PhotoSet } from "../photos/photo-set.js";
import { type ImageFolder, PARTS } from "./image-folder.js";
import type { SavedSplit } from "./photo-split.js";

/** One sentence for each reason why classes have no photos in a part. Empty where every class is in every part. */
export function splitNotes(
  { fractions, nearDuplicates, parts }: SavedSplit,
  { classes, parts: all }: ImageFolder,
): string[] {
  const labels = new Map((all.train ?? []).map(({ file, label }) => [file, label]));
  const countsOf = (files: readonly string[]) => {
    const counts = new Array<number>(classes.length).fill(0);
    for (const file of files) counts[labels.get(file)!]++;
    return counts;
  };
  const counts = { train: countsOf(parts.train), validation: countsOf(parts.validation), test: countsOf(parts.test) };
  const copied = countsOf(nearDuplicates.flat());
  const requested = (["validation", "test"] as const).filter((part) => fractions[part] > 0);
  const classesBy = new Map<string, string[]>();
  classes.forEach((name, label) => {
    const size = PARTS.reduce((sum, part) => sum + counts[part][label], 0);
    const without = requested.filter((part) => counts[part][label] === 0);
    if (size === 0 || without.length === 0) return;
    const tied = copied[label] > 0 && without.some((part) => Math.round(size * fractions[part]) > 0);
    const why = tied ? "near-duplicates stay in one part" : "there are too few photos";
    const key = `${without.map((part) => `no ${part} photos`).join(" and ")}, because ${why}`;
    classesBy.set(key, [...(classesBy.get(key) ?? []), name]);
  });
  return [...classesBy].map(
    ([what, names]) =>
      `${names.length === 1 ? "Class" : "Classes"} ${listed(names)} ${names.length === 1 ? "has" : "have"} ${what}.`,
  );
}

/** Names the classes that have no training images after a limit or a split. */
export function untrainedNotes(train: Pick<PhotoSet, "classes" | "labels"> | undefined): string[] {
  if (train === undefined) return [];
  const seen = new Set(train.labels);
  const absent = train.classes.filter((_, label) => !seen.has(label));
  return absent.length === 0 ? [] : [`There are no training images of ${listed(absent)}.`];
}

/** Counts the photos that were added to a folder after it was split. They are in no part. */
export function grownNotes({ parts }: ImageFolder, split: SavedSplit): string[] {
  const known = new Set([
    ...PARTS.flatMap((part) => split.parts[part]),
    ...(split.leftOut ?? []).map(({ file }) => file),
  ]);
  const own = (parts.train ?? []).filter(({ file }) => !known.has(file)).length;
  return own === 0
    ? []
    : [
        `The folder holds ${numbered(own, "photo")} more than when the run split it. Photos that were added are in none of its parts.`,
      ];
}
