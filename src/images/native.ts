/** Loads the addon that reads photos (`native/photos`): libjpeg-turbo and a vectorised resize. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { engineFolder, isForThisProcessor } from "../../scripts/places.mjs";
import type { Region, Size } from "./crop.js";

/** The fields of a `Cut` of `cut.ts`, as arguments of the addon. */
export type Output = readonly [
  region: Region,
  size: Size,
  window: Region,
  /** 0 bilinear, 1 bicubic */
  filter: number,
  mirrored: boolean,
  target: Uint8Array,
];

/** The functions of the addon. `cut.ts` describes what they compute. */
export interface NativePhotos {
  /** The size of an upright JPEG; undefined where the addon cannot decode its pixels. */
  jpegSize(bytes: Uint8Array): Size | undefined;
  /**
   * Decodes what the region needs at 1 / `reduction` (1, 2, 4 or 8) of its size, and resizes it.
   *
   * @returns false where the JPEG is damaged or not supported by the addon; the target is not changed then
   */
  cutJpeg(bytes: Uint8Array, reduction: number, ...output: Output): boolean;
  /** `resizeRegion` of `resize.ts`, with the same result byte for byte. */
  resize(pixels: Uint8Array, width: number, ...output: Output): void;
}

/**
 * The addon. It is null where it was not built because libjpeg-turbo's headers were missing, or where libjpeg-turbo itself is
 * missing. Photos are then read by sharp and `resize.ts`, which takes several times as long.
 */
export const nativePhotos: NativePhotos | null = load();

function load(): NativePhotos | null {
  const path = join(engineFolder(), "photos.node");
  if (!existsSync(path) || !isForThisProcessor(engineFolder())) return null;
  try {
    return createRequire(import.meta.url)(path) as NativePhotos;
  } catch {
    return null;
  }
}
