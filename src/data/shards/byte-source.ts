/** The bytes of a shard in a file or on a server. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UsageError } from "../../errors.js";
import { systemReason } from "../folders/folder-reader.js";
import { type HttpOptions, readRange } from "./http-bytes.js";
import { isRemote } from "./shard-names.js";

export interface ByteSource {
  readonly address: string;
  /** Size in bytes. */
  readonly bytes: number;
  /** Identifies the contents, as far as possible without reading them. */
  readonly version: string;
  /** `length` bytes from `start` on; fewer at the end. */
  read(start: number, length: number): Promise<Uint8Array>;
  close(): void;
}

/**
 * @throws UsageError ERR_DATA_MISSING where a file cannot be read
 * @throws RunError as {@link readRange}
 */
export async function openBytes(address: string, options: HttpOptions = {}): Promise<ByteSource> {
  if (isRemote(address)) {
    const { total, version } = await readRange(address, 0, 1, options);
    const read = async (start: number, length: number) => (await readRange(address, start, length, options)).bytes;
    return { address, bytes: total, version, read, close: () => {} };
  }
  try {
    const descriptor = openSync(address, "r");
    const { size, mtimeMs } = fstatSync(descriptor);
    const read = async (start: number, length: number) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - start)));
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, start));
    };
    return { address, bytes: size, version: `${size} ${mtimeMs}`, read, close: () => closeSync(descriptor) };
  } catch (cause) {
    throw new UsageError(
      "ERR_DATA_MISSING",
      `shards: ${address} cannot be read: ${systemReason(cause)}. Check the path.`,
      {
        cause,
      },
    );
  }
}
