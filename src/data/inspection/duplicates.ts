/** Photos that are in a set more than once. */

import { createHash } from "node:crypto";
import { ImageError } from "../../images/decode.js";
import type { Part, Photo } from "../folders/image-folder.js";
import { photoPath, readPhoto } from "../photos/read-photo.js";
import type { Finding } from "./findings.js";

/** A photo and its part. */
export interface PartedPhoto extends Photo {
  readonly part: Part;
}

/** A photo with the key of its contents, `photoKey`; without it if it cannot be read. */
export interface KeyedPhoto extends PartedPhoto {
  readonly key?: string;
}

/**
 * Groups of two or more photos with the same bytes, in the order of their first photos. Only photos with equal keys are read whole.
 *
 * @throws RunError ERR_NETWORK, ERR_SHARD where a server does not return a photo
 */
export async function exactDuplicates<P extends KeyedPhoto>(root: string, photos: readonly P[]): Promise<P[][]> {
  const groups: P[][] = [];
  for (const alike of groupsOf(photos, ({ key }) => key)) {
    const digests = new Map<P, string | undefined>();
    for (const photo of alike) digests.set(photo, await digestOf(photoPath(root, photo.file)));
    groups.push(...groupsOf(alike, (photo) => digests.get(photo)));
  }
  return groups;
}

/** Groups of two or more items with the same text; items without one are in none. */
export function groupsOf<T>(items: readonly T[], textOf: (item: T) => string | undefined): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const text = textOf(item);
    if (text === undefined) continue;
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [item]);
    else group.push(item);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** SHA-256 of a photo's bytes; undefined if it cannot be read. */
async function digestOf(path: string): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await readPhoto(path))
      .digest("hex");
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/**
 * The finding about a group of duplicates.
 *
 * @param members photos with the same bytes (`exact`), or with nearly the same pixels (`near`)
 * @param classes names of the classes by label
 */
export function duplicateFinding(
  members: readonly PartedPhoto[],
  classes: readonly string[],
  kind: "exact" | "near",
): Finding {
  const files = members.map(({ file }) => file);
  const parts = [...new Set(members.map(({ part }) => part))];
  const labels = [...new Set(members.map(({ label }) => classes[label]))];
  const what = kind === "exact" ? "the same file" : "nearly the same picture";
  const keep = kind === "exact" ? "Keep" : "Compare them; if they show the same thing, keep";
  // Near-duplicates can be different pictures all the same. The user must judge, so that they are never an error.
  const severity = kind === "exact" && (parts.length > 1 || labels.length > 1) ? "error" : "warning";
  if (parts.length > 1) {
    return {
      code: `${kind}-duplicates-across-parts`,
      severity,
      message: `${what} is in ${parts.join(" and ")}: the network would be tested on images that it was trained on`,
      files,
      remedy: `${keep} it in one part.`,
    };
  }
  if (labels.length > 1) {
    return {
      code: `${kind}-duplicates-across-classes`,
      severity,
      message: `${what} is in the classes ${labels.join(" and ")}`,
      files,
      remedy: `${keep} it in the right class.`,
    };
  }
  return {
    code: `${kind}-duplicates`,
    severity: kind === "exact" ? "warning" : "note",
    message: `${what} appears ${files.length} times`,
    files,
    remedy: `${keep} one.`,
  };
}
