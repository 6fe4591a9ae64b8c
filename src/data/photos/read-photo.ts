/** Reads a photo from its own file or from a shard. */

import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { ImageError } from "../../images/decode.js";
import { type HttpOptions, readRange } from "../shards/http-bytes.js";
import { findShardPhoto, type ShardPhoto } from "../shards/shard-index.js";
import { isRemote } from "../shards/shard-names.js";
import { KEY_BYTES, photoKey } from "./photo-key.js";

/** A photo in a shard. Its path is the path of the shard, "/" and the name of the member, as if the shard were a folder. */
export interface PhotoInShard {
  readonly shard: string;
  readonly name: string;
}

/** The path of a photo of a set, whose root is a folder or an address. */
export const photoPath = (root: string, file: string): string =>
  isRemote(root) ? `${root}/${file}` : join(root, file);

/** Whether a path is that of a shard file. */
const areShards = new Map<string, boolean>();

/** The shard of a photo's path; undefined for a photo in its own file. */
export function photoInShard(path: string): PhotoInShard | undefined {
  for (const { index } of path.matchAll(/(?<=\.tar)\//gi)) {
    const shard = path.slice(0, index);
    const is =
      areShards.get(shard) ?? (isRemote(shard) || statSync(shard, { throwIfNoEntry: false })?.isFile() === true);
    areShards.set(shard, is);
    if (is) return { shard, name: path.slice(index + 1) };
  }
  return undefined;
}

/** Whether a photo exists. For a photo in a shard, the index of the shard decides. */
export function photoExists(path: string): boolean {
  const inShard = photoInShard(path);
  return inShard === undefined ? existsSync(path) : findShardPhoto(inShard.shard, inShard.name) !== undefined;
}

/**
 * The bytes of a photo. The bytes of a photo in a shard are compared with its index. A request to a server that fails, or
 * returns wrong bytes, is repeated.
 *
 * @throws ImageError where it cannot be read, or its bytes differ from the index
 * @throws RunError ERR_NETWORK, ERR_SHARD where a server does not return it
 */
export async function readPhoto(path: string, options: HttpOptions = {}): Promise<Uint8Array> {
  const inShard = photoInShard(path);
  if (inShard === undefined) return readPhotoFile(path);
  const { shard } = inShard;
  const photo = findShardPhoto(shard, inShard.name);
  if (photo === undefined) throw new ImageError(path, "it is missing in the index of its shard");
  const { offset, length } = photo;
  const check = (bytes: Uint8Array) => whatIsWrong(photo, bytes);
  if (isRemote(shard)) return (await readRange(shard, offset, length, { ...options, check })).bytes;
  const bytes = readFilePart(shard, offset, length, path);
  const wrong = check(bytes);
  if (wrong !== undefined) throw new ImageError(path, `${wrong}, at ${offset} of its shard`);
  return bytes;
}

/** The bytes of a photo's own file. @throws ImageError where it cannot be read */
function readPhotoFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ImageError(path, unreadable(cause), { cause });
  }
}

function readFilePart(file: string, offset: number, length: number, path: string): Uint8Array {
  try {
    const descriptor = openSync(file, "r");
    try {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw new ImageError(path, unreadable(cause), { cause });
  }
}

function whatIsWrong({ length, key, crc32: sum }: ShardPhoto, bytes: Uint8Array): string | undefined {
  if (bytes.length !== length) return `only ${bytes.length} of its ${length} bytes could be read`;
  const ends = Math.min(length, KEY_BYTES);
  const right =
    sum === undefined
      ? photoKey(length, bytes.subarray(0, ends), bytes.subarray(length - ends)) === key
      : crc32(bytes) === sum;
  return right ? undefined : "its bytes differ from those in the index";
}

/** Why a file cannot be read, in the words of the system. */
export const unreadable = (cause: unknown): string => `the file cannot be read (${(cause as Error).message})`;
