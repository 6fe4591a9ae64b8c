/** Photographs of frost, for those who have the published ones or their own. */

import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { UsageError } from "../errors.js";
import { decodeImage, IMAGE_FORMATS } from "../images/decode.js";
import type { RawImage } from "../images/resize.js";

/**
 * Reads the photographs of a folder, in the order of their names: which one an image gets is keyed by that order. The published
 * sets take windows of five photographs at their own size for 224 pixels, and shrunk to a fifth for 32.
 *
 * @throws UsageError ERR_FROST_TEXTURES where the folder cannot be read or holds no photographs
 * @throws RunError ERR_IMAGE where one cannot be decoded
 */
export async function readFrostTextures(folder: string): Promise<readonly RawImage[]> {
  const extensions = new Set(Object.values(IMAGE_FORMATS).flat());
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new UsageError(
      "ERR_FROST_TEXTURES",
      `frost textures: ${folder} must be a folder of photographs; ${(cause as Error).message}.`,
      { cause },
    );
  }
  const photographs = names
    .filter((name) => !name.startsWith(".") && extensions.has(extname(name).slice(1).toLowerCase()))
    .sort()
    .map((name) => join(folder, name));
  if (photographs.length === 0) {
    throw new UsageError(
      "ERR_FROST_TEXTURES",
      `frost textures: ${folder} must hold photographs (${[...extensions].join(", ")}); found none. ` +
        "Leave the flag out for textures made by program.",
    );
  }
  return Promise.all(photographs.map((file) => decodeImage(readFileSync(file), file)));
}
