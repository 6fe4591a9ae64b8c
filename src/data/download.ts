/** Downloads of large files: resumed where they stopped, and checked. */

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RunError } from "../errors.js";
import { writeError } from "../runs/atomic-file.js";

export interface DownloadOptions {
  readonly url: string;
  /** Where the file goes. Until it is whole it lies beside it as `PATH.part`. */
  readonly path: string;
  /** MD5 of the whole file, in hexadecimal. */
  readonly md5: string;
  /** Gives a connection up that brings nothing for so long; by default 30 seconds. */
  readonly stallMs?: number;
  /** Connections in all, each going on where the last one stopped; by default 4. */
  readonly attempts?: number;
  /** Pause before the second attempt, doubled for each further one; by default half a second. */
  readonly pauseMs?: number;
  /** `total` is undefined where the server does not say. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** A failure that another attempt may mend. */
class Interrupted extends Error {}

/**
 * Downloads a file, unless it is already there and right.
 *
 * What an earlier attempt or process left is continued by a range request; a server that ignores the range sends the
 * whole file, which then replaces it. The file gets its name only when its MD5 is right; a wrong one is removed, since
 * nothing says which part is wrong.
 *
 * @throws RunError ERR_NETWORK where the server cannot be reached, stalls or breaks off in every attempt
 * @throws RunError ERR_DOWNLOAD where the server refuses (404, 403, ...), or the checksum is wrong
 * @throws RunError ERR_WRITE where the file cannot be written
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, path, md5, attempts = 4, pauseMs = 500 } = options;
  const part = `${path}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw writeError(dirname(path), cause);
  }
  if (sizeOf(path) > 0 && (await md5Of(path)) === md5) return;
  const leftOver = sizeOf(part) > 0;
  await fetchWhole(options, part, attempts, pauseMs);
  let found = await md5Of(part);
  if (found !== md5 && leftOver) {
    // What was there may have been of another version of the file.
    rmSync(part);
    await fetchWhole(options, part, attempts, pauseMs);
    found = await md5Of(part);
  }
  if (found !== md5) {
    rmSync(part);
    throw new RunError(
      "ERR_DOWNLOAD",
      `${url} has the MD5 ${found}, not ${md5}: what arrived is damaged or not the published file, and was removed. ` +
        "Try again, or get it from another address (--url).",
    );
  }
  renameSync(part, path);
}

async function fetchWhole(options: DownloadOptions, part: string, attempts: number, pauseMs: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchRest(options, part);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (attempt < attempts) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1)));
        continue;
      }
      const kept = sizeOf(part);
      throw new RunError(
        "ERR_NETWORK",
        `cannot download ${options.url}: ${error.message} (${attempts} ${attempts === 1 ? "attempt" : "attempts"}). ` +
          (kept > 0
            ? `${kept} bytes are kept in ${part}; the same command goes on from there.`
            : "Is this machine connected to the network? Otherwise download the file elsewhere, unpack it, and give its folder with --data."),
        { cause: error },
      );
    }
  }
}

/** One connection: appends what is missing to `part`. */
async function fetchRest({ url, stallMs = 30_000, onProgress }: DownloadOptions, part: string): Promise<void> {
  const have = sizeOf(part);
  const abort = new AbortController();
  let stalled = false;
  let timer: NodeJS.Timeout;
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      abort.abort();
    }, stallMs);
  };
  restart();
  try {
    const response = await fetch(url, {
      signal: abort.signal,
      // The bytes themselves: a compressed transfer cannot be resumed.
      headers: { "accept-encoding": "identity", ...(have > 0 && { range: `bytes=${have}-` }) },
    });
    if (response.status === 416) {
      // Nothing is left to send: the file is whole, or it is not this file; its checksum will tell.
      await response.body?.cancel();
      return;
    }
    if (response.status >= 500) throw new Interrupted(`the server answered ${response.status} ${response.statusText}`);
    if (!response.ok || response.body === null) {
      throw new RunError(
        "ERR_DOWNLOAD",
        `cannot download ${url}: the server answered ${response.status} ${response.statusText}. Check the address (--url).`,
      );
    }
    const continues =
      response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`) === true;
    const start = continues ? have : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : start + length;
    let done = start;
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        restart();
        done += chunk.length;
        onProgress?.(done, total);
        yield chunk;
      }
    };
    const file = createWriteStream(part, { flags: continues ? "a" : "w" });
    await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), count, file);
    if (total !== undefined && done < total)
      throw new Interrupted(`the connection ended after ${done} of ${total} bytes`);
  } catch (error) {
    if (error instanceof RunError || error instanceof Interrupted) throw error;
    if (stalled) throw new Interrupted(`nothing arrived for ${stallMs / 1000} s`, { cause: error });
    const { path } = error as NodeJS.ErrnoException;
    if (path !== undefined) throw writeError(part, error);
    throw new Interrupted(reasonOf(error), { cause: error });
  } finally {
    clearTimeout(timer!);
  }
}

/** What fetch hides in its cause: "fetch failed" alone helps nobody. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `the name of the server cannot be resolved (${inner})`;
  return inner === undefined || inner === "" ? [message, code].filter(Boolean).join(", ") : inner;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
