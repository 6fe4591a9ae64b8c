/** Who a photo is, whatever it is called and wherever it lies. */

import { createHash } from "node:crypto";

/** Bytes at either end of a file that its key is made of. */
export const KEY_BYTES = 4096;

/**
 * The key of a photo's contents: 16 hexadecimal digits of the SHA-256 of its length and its first and last
 * {@link KEY_BYTES} bytes, so that a large file need not be read whole. Compressed photos that differ anywhere differ there.
 *
 * @param size in bytes
 * @param head the first bytes, or all where the file is shorter
 * @param tail the last ones, likewise
 */
export function photoKey(size: number, head: Uint8Array, tail: Uint8Array): string {
  return createHash("sha256").update(`${size} `).update(head).update(tail).digest("hex").slice(0, 16);
}
