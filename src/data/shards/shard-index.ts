/**
 * The index of a shard: where each of its photos lies, of which class and who it is. It lies beside the shard, where `packShards`
 * wrote both, and else in the user's cache.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "../../errors.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { userCache } from "../user-cache.js";
import { indexBeside, isRemote } from "./shard-names.js";

/** A photo of a shard. */
export interface ShardPhoto {
  /** Of its member in the archive. */
  readonly name: string;
  /** Of its first byte. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** What its member `.cls` says: a number or a name. */
  readonly class: string;
  /** {@link photoKey} of its contents. */
  readonly key: string;
  /** CRC-32 of its bytes; absent where only headers were read. */
  readonly crc32?: number;
  /** Why it cannot be decoded, by its first bytes. */
  readonly error?: string;
  /** Whether its last bytes are not those of a whole photo, so that it must be decoded to know. */
  readonly doubtful?: boolean;
}

export interface ShardIndex {
  readonly schema: 1;
  /** Of the shard. */
  readonly bytes: number;
  /** What tells the shard from another one of the same name: its SHA-256 where all of it was read. */
  readonly version: string;
  readonly photos: readonly ShardPhoto[];
}

/** Whether the name of a member can stand behind a folder's and lead nowhere else. */
export const isSafeName = (name: string): boolean =>
  !/[\\\0]/.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");

/**
 * Reads an index, as strictly as a shard: it may come from elsewhere.
 *
 * @param where for messages
 * @throws UsageError ERR_SHARD_INDEX
 */
export function parseShardIndex(text: string, where: string): ShardIndex {
  const fail = (reason: string) =>
    new UsageError("ERR_SHARD_INDEX", `the index ${where} ${reason}. Remove it, or make the shards anew.`);
  let index: ShardIndex;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw fail(`is no JSON: ${(error as Error).message}`);
  }
  if (
    index?.schema !== 1 ||
    !Array.isArray(index.photos) ||
    !isCount(index.bytes) ||
    typeof index.version !== "string"
  ) {
    throw fail("is of another schema");
  }
  for (const photo of index.photos) {
    const { name, offset, length, class: label, key, crc32 = 0, error = "", doubtful = false } = photo ?? {};
    const right =
      [name, label, key, error].every((value) => typeof value === "string") &&
      [offset, length, crc32].every(isCount) &&
      typeof doubtful === "boolean" &&
      isSafeName(name) &&
      offset + length <= index.bytes;
    if (!right) throw fail(`has a photo that cannot be: ${JSON.stringify(photo)?.slice(0, 200)}`);
  }
  return index;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Where the index of a shard lies, or is to lie. */
export function indexPath(shard: string): string {
  if (isRemote(shard)) return cachedPath(shard);
  const beside = indexBeside(shard);
  return existsSync(beside) ? beside : cachedPath(resolve(shard));
}

const cachedPath = (shard: string): string =>
  userCache("shards", `${createHash("sha256").update(shard).digest("hex").slice(0, 32)}.json`);

/** Keeps the index of a shard in the user's cache. @throws RunError ERR_WRITE */
export function cacheIndex(shard: string, index: ShardIndex): void {
  const path = cachedPath(isRemote(shard) ? shard : resolve(shard));
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw writeError(path, cause);
  }
  writeFileAtomic(path, JSON.stringify(index), { flush: false });
}

/** The index of a shard as it was kept; undefined where there is none. @throws UsageError ERR_SHARD_INDEX */
export function keptIndex(shard: string): ShardIndex | undefined {
  const path = indexPath(shard);
  if (!existsSync(path)) return undefined;
  const index = parseShardIndex(readFileSync(path, "utf8"), path);
  const bytes = isRemote(shard) ? index.bytes : statSync(shard).size;
  // What lies in the cache is replaced by whoever opens the set.
  if (index.bytes !== bytes && path === indexBeside(shard)) {
    throw new UsageError(
      "ERR_SHARD_INDEX",
      `the shard ${shard} has ${bytes} bytes, and ${index.bytes} by its index ${path}. Copy the shard again, or remove the index.`,
    );
  }
  return index;
}

/** Photos of indexes that a thread keeps: some tens of megabytes. */
const MOST_KEPT = 100_000;
const known = new Map<string, ReadonlyMap<string, ShardPhoto>>();
let kept = 0;

/** A photo of a shard whose index was kept; undefined where there is none. The last indexes that were asked for stay in memory. */
export function findShardPhoto(shard: string, name: string): ShardPhoto | undefined {
  let photos = known.get(shard);
  if (photos === undefined) {
    photos = new Map(keptIndex(shard)?.photos.map((photo) => [photo.name, photo]));
    kept += photos.size;
  }
  // The last one asked for is the last to go.
  known.delete(shard);
  known.set(shard, photos);
  for (const [oldest, { size }] of known) {
    if (kept <= MOST_KEPT || oldest === shard) break;
    known.delete(oldest);
    kept -= size;
  }
  return photos.get(name);
}

/** Forgets what this thread keeps of a shard: its index was replaced. */
export function forgetShard(shard: string): void {
  kept -= known.get(shard)?.size ?? 0;
  known.delete(shard);
}
