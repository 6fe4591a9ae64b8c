/** Downloads of large files: resumed where they stopped, and checked. */

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RunError } from "../../errors.js";
import { writeError } from "../../runs/atomic-file.js";

/** What is known of a file's hash. */
export interface Checksum {
  readonly algorithm: "md5" | "sha256";
  /** Its hexadecimal digits, or the first of them. */
  readonly begins: string;
}

export interface DownloadOptions {
  readonly url: string;
  /** Where the file goes. Until it is whole it lies beside it as `PATH.part`. */
  readonly path: string;
  /** Undefined where no hash is published: then a file that is there is taken as it is, and no part is kept for another process. */
  readonly checksum: Checksum | undefined;
  /** For the server alone, not for another one that it points to. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Refuses a file that is larger. */
  readonly maxBytes?: number;
  /** Sentences without a full stop: what to do without a network, and with an address that is wrong. */
  readonly advice: { readonly offline: string; readonly address: string };
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

/** What is kept from one connection to the next. */
interface Transfer {
  /** Where the bytes go until they are all there. */
  readonly part: string;
  /** What the server calls this version of the file, so that two versions are not joined. */
  validator: string | undefined;
}

/**
 * Downloads a file, unless it is already there and right.
 *
 * What an earlier attempt or process left is continued by a range request; a server that ignores the range sends the
 * whole file, which then replaces it. The file gets its name only when its hash is right; a wrong one is removed, since
 * nothing says which part is wrong.
 *
 * @throws RunError ERR_NETWORK where the server cannot be reached, stalls or breaks off in every attempt
 * @throws RunError ERR_DOWNLOAD where the server refuses (404, 403, ...), or the file has another hash or is too large
 * @throws RunError ERR_WRITE where the file cannot be written
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { url, path, checksum, advice } = options;
  // Without a hash, parts of two processes or versions could not be told apart.
  const part = checksum === undefined ? `${path}.${process.pid}.part` : `${path}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw writeError(dirname(path), cause);
  }
  if (sizeOf(path) > 0 && (checksum === undefined || (await fits(path, checksum)))) return;
  if (checksum === undefined) {
    try {
      await fetchWhole(options, part);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  } else {
    const leftOver = sizeOf(part) > 0;
    await fetchWhole(options, part);
    if (leftOver && !(await fits(part, checksum))) {
      // What was there may have been of another version of the file.
      rmSync(part);
      await fetchWhole(options, part);
    }
    const found = await hashOf(part, checksum);
    if (!found.startsWith(checksum.begins)) {
      rmSync(part);
      const { algorithm, begins } = checksum;
      throw new RunError(
        "ERR_DOWNLOAD",
        `${url} has the ${algorithm === "md5" ? "MD5" : "SHA-256"} ${found}, not ${begins}${begins.length < found.length ? "..." : ""}: ` +
          `what arrived is damaged or not the published file, and was removed. Try again. ${advice.address}.`,
      );
    }
  }
  renameSync(part, path);
}

async function fetchWhole(options: DownloadOptions, part: string): Promise<void> {
  const { attempts = 4, pauseMs = 500, checksum, advice } = options;
  const transfer: Transfer = { part, validator: undefined };
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchRest(options, transfer);
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
          (kept > 0 && checksum !== undefined
            ? `${kept} bytes are kept in ${part}; the same command goes on from there.`
            : `${advice.offline}.`),
        { cause: error },
      );
    }
  }
}

/** One connection: appends what is missing to `part`. */
async function fetchRest(options: DownloadOptions, transfer: Transfer): Promise<void> {
  const { url, stallMs = 30_000, onProgress, checksum, advice, maxBytes = Number.POSITIVE_INFINITY } = options;
  const { part } = transfer;
  // Without a hash only what is known to be of the same version is continued.
  if (checksum === undefined && transfer.validator === undefined) rmSync(part, { force: true });
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
      headers: {
        ...options.headers,
        "accept-encoding": "identity",
        ...(have > 0 && { range: `bytes=${have}-` }),
        ...(have > 0 && transfer.validator !== undefined && { "if-range": transfer.validator }),
      },
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
        `cannot download ${url}: the server answered ${response.status} ${response.statusText}. ${advice.address}.`,
      );
    }
    const continues =
      response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`) === true;
    const start = continues ? have : 0;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : start + length;
    const etag = response.headers.get("etag");
    transfer.validator = etag?.startsWith('"') ? etag : (response.headers.get("last-modified") ?? undefined);
    let done = start;
    const checkSize = (bytes: number) => {
      if (bytes <= maxBytes) return;
      throw new RunError(
        "ERR_DOWNLOAD",
        `${url} has more than ${maxBytes} bytes, and is not taken. ${advice.address}.`,
      );
    };
    checkSize(total ?? 0);
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        restart();
        done += chunk.length;
        checkSize(done);
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

async function fits(path: string, checksum: Checksum): Promise<boolean> {
  return (await hashOf(path, checksum)).startsWith(checksum.begins);
}

async function hashOf(path: string, { algorithm }: Checksum): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
