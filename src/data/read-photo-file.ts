/** Reading the file of a photo. */

import { readFileSync } from "node:fs";
import { ImageError } from "../images/decode.js";

/**
 * The bytes of a photo's file.
 *
 * @throws ImageError where it cannot be read
 */
export function readPhotoFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ImageError(path, unreadable(cause), { cause });
  }
}

/** Why a file cannot be read, in the system's words. */
export const unreadable = (cause: unknown): string => `the file cannot be read (${(cause as Error).message})`;
