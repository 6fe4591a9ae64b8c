/** The quick check of photos from their size and first and last bytes, which reveal most defects and identify the photo. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { unreadReason } from "../../images/decode.js";
import { inspectPhotos } from "../inspection/inspection.js";
import { findShardPhoto } from "../shards/shard-index.js";
import type { BadPhoto } from "./bad-photos.js";
import { KEY_BYTES, photoKey } from "./photo-key.js";
import { type PhotoInShard, photoInShard, photoPath, unreadable } from "./read-photo.js";

/** The result of the quick check of a photo. */
export interface QuickCheck {
  /** {@link photoKey} of its contents; absent where it cannot be read. */
  readonly key?: string;
  /** Why it cannot be read or decoded. */
  readonly error?: string;
}

/**
 * Checks photos quickly. It finds files whose first bytes are not those of an image, and truncated files. Where the last bytes
 * are not conclusive, the file is decoded in a worker thread. Damage in the middle is found only when the photo is read.
 *
 * @param files relative to the root
 * @returns in the order of `files`
 */
export async function quickCheckPhotos(
  root: string,
  files: readonly string[],
  workers?: number,
): Promise<QuickCheck[]> {
  const checks: QuickCheck[] = [];
  const doubtful: number[] = [];
  for (const file of files) {
    const { whole, ...check } = quickCheck(photoPath(root, file));
    if (!whole && check.error === undefined) doubtful.push(checks.length);
    checks.push(check);
  }
  const inspections = await inspectPhotos(
    doubtful.map((index) => photoPath(root, files[index])),
    { workers },
  );
  inspections.forEach(({ error }, i) => {
    if (error !== undefined) checks[doubtful[i]] = { ...checks[doubtful[i]], error };
  });
  return checks;
}

/** The photos with an error. `checks` are the results of their checks. */
export function badPhotos(files: readonly string[], checks: readonly { readonly error?: string }[]): BadPhoto[] {
  return files.flatMap((file, i) => {
    const { error } = checks[i];
    return error === undefined ? [] : [{ file, reason: error }];
  });
}

function quickCheck(path: string): QuickCheck & { readonly whole: boolean } {
  const inShard = photoInShard(path);
  return inShard === undefined ? checkFile(path) : checkInShard(inShard);
}

/** The index of a shard holds the result of the check. */
function checkInShard({ shard, name }: PhotoInShard): QuickCheck & { readonly whole: boolean } {
  const photo = findShardPhoto(shard, name);
  if (photo === undefined) return { error: "it is missing in the index of its shard", whole: false };
  return { key: photo.key, error: photo.error, whole: photo.doubtful !== true };
}

function checkFile(path: string): QuickCheck & { readonly whole: boolean } {
  try {
    const descriptor = openSync(path, "r");
    try {
      const { size } = fstatSync(descriptor);
      const length = Math.min(size, KEY_BYTES);
      const head = bytesAt(descriptor, 0, length);
      const tail = bytesAt(descriptor, size - length, length);
      return { key: photoKey(size, head, tail), error: unreadReason(head), whole: endsWell(head, tail, size) };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return { error: unreadable(error), whole: false };
  }
}

function bytesAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

/** Whether the last bytes are those of a complete file of its format. */
export function endsWell(head: Buffer, tail: Buffer, size: number): boolean {
  const start = head.toString("latin1", 0, 8);
  const end = tail.subarray(-12).toString("latin1");
  if (start.startsWith("\xff\xd8")) return end.endsWith("\xff\xd9");
  if (start.startsWith("\x89PNG")) return end === "\0\0\0\0IEND\xae\x42\x60\x82";
  if (start.startsWith("GIF8")) return end.endsWith(";");
  if (start.startsWith("RIFF")) return size >= head.readUInt32LE(4) + 8;
  // The end of an AVIF tells nothing, and decoding one would take too long for a quick check.
  return true;
}
