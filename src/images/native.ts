/** The addon that reads photos (`native/photos`): libjpeg-turbo and a vectorised resize. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { engineFolder } from "../../scripts/places.mjs";
import type { Region, Size } from "./crop.js";

/** What an image becomes: see `Cut` of `cut.ts`. */
export type Output = readonly [
  region: Region,
  size: Size,
  window: Region,
  /** 0 bilinear, 1 bicubic */
  filter: number,
  mirrored: boolean,
  target: Uint8Array,
];

/** What the addon can do, each as `cut.ts` says it. */
export interface NativePhotos {
  /** The size of an upright JPEG; undefined where the addon cannot decode its pixels. */
  jpegSize(bytes: Uint8Array): Size | undefined;
  /**
   * Decodes what the region needs, scaled by the inverse of `reduction` (1, 2, 4 or 8), and resizes it.
   *
   * @returns false where the JPEG is damaged or not one for the addon; the target is then as it was
   */
  cutJpeg(bytes: Uint8Array, reduction: number, ...output: Output): boolean;
  /** `resizeRegion` of `resize.ts`, byte for byte. */
  resize(pixels: Uint8Array, width: number, ...output: Output): void;
}

/**
 * The addon; null where it was not built because libjpeg-turbo's headers are missing, or libjpeg-turbo itself is gone.
 * Photos are then read by sharp and `resize.ts`, which takes several times as long.
 */
export const nativePhotos: NativePhotos | null = load();

function load(): NativePhotos | null {
  const path = join(engineFolder(), "photos.node");
  if (!existsSync(path)) return null;
  try {
    return createRequire(import.meta.url)(path) as NativePhotos;
  } catch {
    return null;
  }
}
