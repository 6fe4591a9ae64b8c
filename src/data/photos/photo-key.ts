/** Identifies a photo by its contents, whatever its name and folder are. */

import { createHash } from "node:crypto";

/** Number of bytes at each end of a file that go into its key. */
export const KEY_BYTES = 4096;

/**
 * The key of a photo's contents: the first 16 hexadecimal digits of the SHA-256 of its length and its first and last
 * {@link KEY_BYTES} bytes. So large files need not be read whole. Different compressed photos practically always differ there.
 *
 * @param size in bytes
 * @param head the first bytes, or all of a shorter file
 * @param tail the last bytes, or all of a shorter file
 */
export function photoKey(size: number, head: Uint8Array, tail: Uint8Array): string {
  return createHash("sha256").update(`${size} `).update(head).update(tail).digest("hex").slice(0, 16);
}
