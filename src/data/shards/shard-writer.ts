/** Writes one shard and its index. */

import { createHash, type Hash } from "node:crypto";
import { createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { pack } from "tar-stream";
import { assert } from "../../errors.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { openBytes } from "./byte-source.js";
import { scanShard } from "./scan-shard.js";
import type { ShardIndex } from "./shard-index.js";
import { indexBeside } from "./shard-names.js";
import { BLOCK } from "./tar-headers.js";

/** A finished shard. */
export interface WrittenShard {
  readonly path: string;
  readonly photos: number;
  readonly size: number;
  readonly sha256: string;
}

const inBlocks = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

/** Maximum bytes of a sample: two headers, a photo and a label; and two extended headers if the key is long or not ASCII. */
function sampleBytes(key: string, photo: number): number {
  const length = Buffer.byteLength(key);
  const extended = length > 90 || length > key.length ? BLOCK + inBlocks(length + 64) : 0;
  return 3 * BLOCK + inBlocks(photo) + 2 * extended;
}

/** A shard that is being written. It has a temporary name until it is complete. */
export class ShardWriter {
  /** Number of samples until now. */
  photos = 0;
  readonly #temporary: string;
  readonly #tar = pack();
  readonly #hash = createHash("sha256");
  readonly #sums = new Map<string, number>();
  readonly #written: Promise<void>;
  /** An archive ends with two blocks of zeros. */
  #size = 2 * BLOCK;

  constructor(readonly path: string) {
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    // Flushed to the disk, since a shard with its final name must be complete even after a power failure.
    this.#written = pipeline(hashing(this.#tar, this.#hash), createWriteStream(this.#temporary, { flush: true }));
    // A failure is thrown by `add` or `finish`.
    this.#written.catch(() => {});
  }

  /** Whether the shard stays within a size when a photo is added. */
  hasRoom(most: number, key: string, bytes: number): boolean {
    return this.#size + sampleBytes(key, bytes) <= most;
  }

  /** Adds a photo and the number of its class. @throws RunError ERR_WRITE */
  async add(key: string, extension: string, bytes: Uint8Array, label: number): Promise<void> {
    const name = `${key}.${extension}`;
    this.#sums.set(name, crc32(bytes));
    await this.#member(name, bytes);
    await this.#member(`${key}.cls`, Buffer.from(String(label)));
    this.photos++;
    this.#size += sampleBytes(key, bytes.length);
  }

  /** Closes the shard, writes its index, and renames both to their final names. @throws RunError ERR_WRITE */
  async finish(): Promise<WrittenShard> {
    const { path, photos } = this;
    try {
      this.#tar.finalize();
      await this.#written;
      // The index of an earlier shard with this name would be taken for that of the new one.
      rmSync(indexBeside(path), { force: true });
      const sha256 = this.#hash.digest("hex");
      const index = await this.#index(sha256);
      renameSync(this.#temporary, path);
      writeFileAtomic(indexBeside(path), JSON.stringify(index));
      return { path, photos, size: index.bytes, sha256 };
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /** Removes the unfinished shard. */
  async abandon(): Promise<void> {
    this.#tar.destroy();
    await this.#written.catch(() => {});
    rmSync(this.#temporary, { force: true });
  }

  async #member(name: string, bytes: Uint8Array): Promise<void> {
    // Neither time nor user is written, so that the same photos always give the same bytes.
    const header = { name, size: bytes.length, mtime: new Date(0), mode: 0o644 };
    const taken = new Promise<void>((resolve, reject) => {
      this.#tar.entry(header, Buffer.from(bytes), (error) => (error ? reject(error) : resolve()));
    });
    try {
      // After a failed write, the stream accepts no more bytes.
      await Promise.race([taken, this.#written]);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  /** The index that scanning the shard would give, with the CRC-32 of each photo. */
  async #index(sha256: string): Promise<ShardIndex> {
    const source = await openBytes(this.#temporary);
    try {
      const photos = (await scanShard(source)).map((photo) => ({ ...photo, crc32: this.#sums.get(photo.name)! }));
      assert(photos.length === this.photos, "all photos of a shard are found in it");
      return { schema: 1, bytes: source.bytes, version: sha256, photos };
    } finally {
      source.close();
    }
  }

  #failure(cause: unknown): unknown {
    return (cause as NodeJS.ErrnoException).syscall === undefined ? cause : writeError(this.path, cause);
  }
}

async function* hashing(source: AsyncIterable<unknown>, hash: Hash) {
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Whether a shard is complete: its index is written last. */
export const isFinished = (path: string): boolean => existsSync(path) && existsSync(indexBeside(path));
