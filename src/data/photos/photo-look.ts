/** A quick look at photos: their size, first and last bytes, which tell most of what can be wrong with a file, and who it is. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { unreadReason } from "../../images/decode.js";
import { inspectPhotos } from "../inspection/inspection.js";
import { findShardPhoto } from "../shards/shard-index.js";
import type { BadPhoto } from "./bad-photos.js";
import { KEY_BYTES, photoKey } from "./photo-key.js";
import { type PhotoInShard, photoInShard, photoPath, unreadable } from "./read-photo.js";

/** What a quick look tells of a photo. */
export interface Look {
  /** {@link photoKey} of its contents; absent where it cannot be read. */
  readonly key?: string;
  /** Why it cannot be read or decoded. */
  readonly error?: string;
}

/**
 * Looks at photos. A file that is no image by its first bytes is found, and one whose end is missing; where the last bytes leave
 * doubts it is decoded, in worker threads. Damage in the middle stays for whoever reads the photo.
 *
 * @param files relative to the root
 * @returns in their order
 */
export async function lookAtPhotos(root: string, files: readonly string[], workers?: number): Promise<Look[]> {
  const looks: Look[] = [];
  const doubtful: number[] = [];
  for (const file of files) {
    const { whole, ...look } = lookAt(photoPath(root, file));
    if (!whole && look.error === undefined) doubtful.push(looks.length);
    looks.push(look);
  }
  const inspections = await inspectPhotos(
    doubtful.map((index) => photoPath(root, files[index])),
    { workers },
  );
  inspections.forEach(({ error }, i) => {
    if (error !== undefined) looks[doubtful[i]] = { ...looks[doubtful[i]], error };
  });
  return looks;
}

/** The photos that cannot be read, of those that were looked at. */
export function badPhotos(files: readonly string[], looks: readonly { readonly error?: string }[]): BadPhoto[] {
  return files.flatMap((file, i) => {
    const { error } = looks[i];
    return error === undefined ? [] : [{ file, reason: error }];
  });
}

function lookAt(path: string): Look & { readonly whole: boolean } {
  const place = photoInShard(path);
  return place === undefined ? lookAtFile(path) : lookInShard(place);
}

/** A shard's index has what such a look tells. */
function lookInShard({ shard, name }: PhotoInShard): Look & { readonly whole: boolean } {
  const photo = findShardPhoto(shard, name);
  if (photo === undefined) return { error: "the index of its shard does not name it", whole: false };
  return { key: photo.key, error: photo.error, whole: photo.doubtful !== true };
}

function lookAtFile(path: string): Look & { readonly whole: boolean } {
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

/** Whether the last bytes are those that end a file of its format. */
export function endsWell(head: Buffer, tail: Buffer, size: number): boolean {
  const start = head.toString("latin1", 0, 8);
  const end = tail.subarray(-12).toString("latin1");
  if (start.startsWith("\xff\xd8")) return end.endsWith("\xff\xd9");
  if (start.startsWith("\x89PNG")) return end === "\0\0\0\0IEND\xae\x42\x60\x82";
  if (start.startsWith("GIF8")) return end.endsWith(";");
  if (start.startsWith("RIFF")) return size >= head.readUInt32LE(4) + 8;
  // The end of an AVIF tells nothing, and decoding one takes longer than it is worth here.
  return true;
}
