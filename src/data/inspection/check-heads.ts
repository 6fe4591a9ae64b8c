/** The quick check of files: their sizes, first and last bytes. */

import type { ImageFolder } from "../folders/image-folder.js";
import { badPhotos, quickCheckPhotos } from "../photos/quick-check.js";
import { undecodable } from "./check-contents.js";
import type { Finding } from "./findings.js";

/** Files that cannot be opened, are empty, do not start like an image, or are truncated. */
export async function checkHeads({ root, parts }: ImageFolder, workers?: number): Promise<Finding[]> {
  const files = Object.values(parts).flatMap((photos) => photos.map(({ file }) => file));
  return badPhotos(files, await quickCheckPhotos(root, files, workers)).map(undecodable);
}
