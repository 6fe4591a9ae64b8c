/** The quick look into files: their sizes, first and last bytes. */

import type { ImageFolder } from "../folders/image-folder.js";
import { badPhotos, lookAtPhotos } from "../photos/photo-look.js";
import { undecodable } from "./check-contents.js";
import type { Finding } from "./findings.js";

/** Files that cannot be opened, are empty, start like no image, or have lost their end. */
export async function checkHeads({ root, parts }: ImageFolder, workers?: number): Promise<Finding[]> {
  const files = Object.values(parts).flatMap((photos) => photos.map(({ file }) => file));
  return badPhotos(files, await lookAtPhotos(root, files, workers)).map(undecodable);
}
