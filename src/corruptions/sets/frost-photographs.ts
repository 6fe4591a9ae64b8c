/** Photographs of frost: the published ones or the user's own. */

import { join } from "node:path";
import { FolderReader } from "../../data/folders/folder-reader.js";
import { isHidden, isPhotoName } from "../../data/folders/image-names.js";
import { readPhoto } from "../../data/photos/read-photo.js";
import { UsageError } from "../../errors.js";
import { decodeImage, IMAGE_FORMATS } from "../../images/decode.js";
import type { RawImage } from "../../images/resize.js";

/**
 * Reads the photographs of a folder in the order of their names. Which photograph an image gets depends on that order. The
 * published sets take windows from five photographs: at full size for images of 224 pixels, shrunk to a fifth for 32.
 *
 * @throws UsageError ERR_FROST_TEXTURES where the folder cannot be read or holds no photographs
 * @throws RunError ERR_IMAGE where one cannot be decoded
 */
export async function readFrostTextures(folder: string): Promise<readonly RawImage[]> {
  const { files, failure } = new FolderReader(folder).list(folder);
  if (failure !== undefined) {
    throw new UsageError(
      "ERR_FROST_TEXTURES",
      `frost textures: ${folder} must be a folder of photographs; ${failure}.`,
    );
  }
  const photographs = files.filter((name) => !isHidden(name) && isPhotoName(name)).map((name) => join(folder, name));
  if (photographs.length === 0) {
    throw new UsageError(
      "ERR_FROST_TEXTURES",
      `frost textures: ${folder} must hold photographs (${Object.keys(IMAGE_FORMATS).join(", ")}); found none. ` +
        "Leave the flag out for textures made by program.",
    );
  }
  return Promise.all(photographs.map(async (file) => decodeImage(await readPhoto(file), file)));
}
