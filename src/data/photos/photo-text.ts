/** Sentences about the images of a training run or an evaluation. */

import { listed } from "../../errors.js";
import type { OpenedData } from "../opened-data.js";
import { type BadPhoto, listBadPhotos } from "./bad-photos.js";

/** The classes, and the number of images of each part. */
export function describeParts({ classes, sizes }: Pick<OpenedData, "classes" | "sizes">): string {
  const purposes = { train: "to train on", validation: "to validate on", test: "to test on" } as const;
  const counts = (["train", "validation", "test"] as const).flatMap((part) =>
    sizes[part] === undefined ? [] : [`${sizes[part]} ${purposes[part]}`],
  );
  return `${classes.length} classes: ${listed(classes)}. Images: ${counts.join(", ")}.`;
}

/** The number of photos that were left out, and the first of them; no line where there are none. */
export function describeLeftOut(photos: readonly BadPhoto[]): string[] {
  if (photos.length === 0) return [];
  const count = photos.length === 1 ? "1 photo that" : `${photos.length} photos that`;
  return [`Left out ${count} cannot be read:`, ...listBadPhotos(photos)];
}
