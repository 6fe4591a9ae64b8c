/**
 * The index of a shard: offset, class and key of each of its photos. It is beside the shard if `packShards` wrote both, else in
 * the user's cache.
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "../../errors.js";
import { makeFolder, writeFileAtomic } from "../../runs/atomic-file.js";
import { userCache } from "../user-cache.js";
import { indexBeside, isRemote } from "./shard-names.js";

/** A photo of a shard. */
export interface ShardPhoto {
  /** Name of its member in the archive. */
  readonly name: string;
  /** Offset of its first byte in the shard. */
  readonly offset: number;
  /** Length in bytes. */
  readonly length: number;
  /** The text of its member `.cls`: the number or the name of a class. */
  readonly class: string;
  /** {@link photoKey} of its contents. */
  readonly key: string;
  /** CRC-32 of its bytes; absent where only headers were read. */
  readonly crc32?: number;
  /** Why it cannot be decoded, as its first bytes tell. */
  readonly error?: string;
  /** Whether its last bytes are not those of a complete photo, so that only decoding can tell. */
  readonly doubtful?: boolean;
}

export interface ShardIndex {
  readonly schema: 1;
  /** Size of the shard. */
  readonly bytes: number;
  /** Identifies the contents of the shard: its SHA-256 if all of it was read. */
  readonly version: string;
  readonly photos: readonly ShardPhoto[];
}

/** Whether a member's name can be appended to the path of a folder without leaving that folder, and fits on one line. */
export const isSafeName = (name: string): boolean =>
  !/[\\\p{Cc}]/u.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/**
 * Parses an index. It is checked strictly, since it can come from an untrusted source.
 *
 * @param where path or address for messages
 * @throws UsageError ERR_SHARD_INDEX
 */
export function parseShardIndex(text: string, where: string): ShardIndex {
  const fail = (reason: string) =>
    new UsageError("ERR_SHARD_INDEX", `the index ${where} ${reason}. Remove it, or make the shards again.`);
  let index: ShardIndex;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw fail(`is not JSON: ${(error as Error).message}`);
  }
  if (
    index?.schema !== 1 ||
    !Array.isArray(index.photos) ||
    !isCount(index.bytes) ||
    typeof index.version !== "string"
  ) {
    throw fail("has another schema");
  }
  for (const photo of index.photos) {
    const { name, offset, length, class: label, key, crc32 = 0, error = "", doubtful = false } = photo ?? {};
    const right =
      [name, label, key, error].every((value) => typeof value === "string") &&
      [offset, length, crc32].every(isCount) &&
      typeof doubtful === "boolean" &&
      isSafeName(name) &&
      offset + length <= index.bytes;
    if (!right) throw fail(`has an invalid photo: ${JSON.stringify(photo)?.slice(0, 200)}`);
  }
  return index;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Path of a shard's index: beside the shard for a packed one, else in the cache. */
export function indexPath(shard: string): string {
  if (isRemote(shard)) return cachedPath(shard);
  const beside = indexBeside(shard);
  return existsSync(beside) ? beside : cachedPath(resolve(shard));
}

const cachedPath = (shard: string): string =>
  userCache("shards", `${createHash("sha256").update(shard).digest("hex").slice(0, 32)}.json`);

/** Writes the index of a shard into the user's cache. @throws RunError ERR_WRITE */
export function cacheIndex(shard: string, index: ShardIndex): void {
  const path = cachedPath(isRemote(shard) ? shard : resolve(shard));
  makeFolder(dirname(path));
  writeFileAtomic(path, JSON.stringify(index), { flush: false });
}

/** The stored index of a shard; undefined where there is none. @throws UsageError ERR_SHARD_INDEX */
export function keptIndex(shard: string): ShardIndex | undefined {
  const path = indexPath(shard);
  if (!existsSync(path)) return undefined;
  const index = parseShardIndex(readFileSync(path, "utf8"), path);
  const bytes = isRemote(shard) ? index.bytes : statSync(shard).size;
  // An outdated index in the cache is replaced when the set is opened.
  if (index.bytes !== bytes && path === indexBeside(shard)) {
    throw new UsageError(
      "ERR_SHARD_INDEX",
      `the shard ${shard} has ${bytes} bytes, but its index ${path} says ${index.bytes}. Copy the shard again, or remove the index.`,
    );
  }
  return index;
}

/** Maximum number of photos whose entries a thread keeps in memory: some tens of megabytes. */
const MOST_KEPT = 100_000;
const known = new Map<string, ReadonlyMap<string, ShardPhoto>>();
let kept = 0;

/** A photo of a shard with a stored index; undefined where there is none. Recently used indexes stay in memory. */
export function findShardPhoto(shard: string, name: string): ShardPhoto | undefined {
  let photos = known.get(shard);
  if (photos === undefined) {
    photos = new Map(keptIndex(shard)?.photos.map((photo) => [photo.name, photo]));
    kept += photos.size;
  }
  // Inserted again below, as the most recently used one.
  known.delete(shard);
  known.set(shard, photos);
  for (const [oldest, { size }] of known) {
    if (kept <= MOST_KEPT || oldest === shard) break;
    known.delete(oldest);
    kept -= size;
  }
  return photos.get(name);
}

/** Forgets the entries of a shard whose index was replaced. */
export function forgetShard(shard: string): void {
  kept -= known.get(shard)?.size ?? 0;
  known.delete(shard);
}
