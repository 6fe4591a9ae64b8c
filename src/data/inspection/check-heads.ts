/** The quick check of files: their sizes, first and last bytes. */

import { type ImageFolder, PARTS } from "../folders/image-folder.js";
import { badPhotos, quickCheckPhotos } from "../photos/quick-check.js";
import { undecodable } from "./check-contents.js";
import { duplicateFinding, exactDuplicates } from "./duplicates.js";
import type { Finding } from "./findings.js";

/** Files that cannot be opened, are empty, do not start like an image, are truncated, or have the same bytes. */
export async function checkHeads({ root, parts, classes }: ImageFolder, workers?: number): Promise<Finding[]> {
  const photos = PARTS.flatMap((part) => (parts[part] ?? []).map((photo) => ({ ...photo, part })));
  const files = photos.map(({ file }) => file);
  const checks = await quickCheckPhotos(root, files, workers);
  const duplicates = await exactDuplicates(
    root,
    photos.map((photo, i) => ({ ...photo, key: checks[i].key })),
  );
  return [
    ...badPhotos(files, checks).map(undecodable),
    ...duplicates.map((group) => duplicateFinding(group, classes, "exact")),
  ];
}
