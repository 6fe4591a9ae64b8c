/** Downloads of large files, which can be resumed and are checked by their hash. */

import { createHash, randomUUID } from "node:crypto";
import { createReadStream, renameSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RunError } from "../../errors.js";
import { makeFolder, writeError } from "../../runs/atomic-file.js";
import { lockRun } from "../../runs/run-lock.js";

/** The known digits of a file's hash. */
export interface Checksum {
  readonly algorithm: "md5" | "sha256";
  /** The hexadecimal digits of the hash, or only the first of them. */
  readonly begins: string;
}

export interface DownloadOptions {
  readonly url: string;
  /** Path of the file. Until it is complete, it is beside this path as `PATH.part`. */
  readonly path: string;
  /** Undefined where no hash is published. Then an existing file is used unchecked, and another process cannot resume a part. */
  readonly checksum: Checksum | undefined;
  /** Sent to this server alone, and not to another one after a redirect. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Refuses a file that is larger. */
  readonly maxBytes?: number;
  /** Sentences without a full stop: what to do without a network, and what to do when the address is wrong. */
  readonly advice: { readonly offline: string; readonly address: string };
  /** Closes a connection that sends nothing for this time; by default 30 seconds. */
  readonly stallMs?: number;
  /** Number of connections. Each resumes where the last one stopped. By default 4. */
  readonly attempts?: number;
  /** Pause before the second attempt, doubled for each one after it; by default half a second. */
  readonly pauseMs?: number;
  /** `total` is undefined where the server does not say. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** A failure that another attempt can solve. */
class Interrupted extends Error {}

/** State that is kept between connections. */
interface Transfer {
  /** Where the bytes are written until the file is complete. */
  readonly part: string;
  /** The server's identifier of this version of the file, so that two versions are not mixed. */
  validator: string | undefined;
}

/**
 * Downloads a file, unless it exists already with the right hash.
 *
 * A part that an earlier attempt or process left is resumed by a range request. A server that ignores the range sends the
 * whole file, which then replaces the part. The file gets its name only when its hash is right. A file with a wrong hash is
 * removed, since nothing tells which of its bytes are wrong.
 *
 * @throws UsageError ERR_RUN_LOCKED another process downloads the same file
 * @throws RunError ERR_NETWORK where every attempt fails: the server cannot be reached, stalls or closes the connection
 * @throws RunError ERR_DOWNLOAD where the server refuses (404, 403, ...), or the file has another hash or is too large
 * @throws RunError ERR_WRITE where the file cannot be written
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { path, checksum } = options;
  makeFolder(dirname(path));
  if (sizeOf(path) > 0 && (checksum === undefined || (await fits(path, checksum)))) return;
  if (checksum === undefined) {
    // The parts of two downloads or of two versions could not be told apart.
    const part = `${path}.${randomUUID()}.part`;
    try {
      await fetchWhole(options, part);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
    renameSync(part, path);
    return;
  }
  const part = `${path}.part`;
  const unlock = lockRun(part, `${part}.lock`);
  try {
    await fetchChecked(options, checksum, part);
    renameSync(part, path);
  } finally {
    unlock();
  }
}

/** Completes the part, and checks its hash. */
async function fetchChecked(options: DownloadOptions, checksum: Checksum, part: string): Promise<void> {
  const { url, advice } = options;
  const leftOver = sizeOf(part) > 0;
  await fetchWhole(options, part);
  if (leftOver && !(await fits(part, checksum))) {
    // The part can belong to another version of the file, so that its hash is wrong: start again.
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
        `the file is damaged or not the published one, and was removed. Try again. ${advice.address}.`,
    );
  }
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
            ? `${kept} bytes are kept in ${part}; the same command resumes from there.`
            : `${advice.offline}.`),
        { cause: error },
      );
    }
  }
}

/** One connection. Appends the missing bytes to `part`. */
async function fetchRest(options: DownloadOptions, transfer: Transfer): Promise<void> {
  const { url, stallMs = 30_000, onProgress, checksum, advice, maxBytes = Number.POSITIVE_INFINITY } = options;
  const { part } = transfer;
  // Without a hash, a part is resumed only where the server identifies its version.
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
      // A compressed transfer cannot be resumed.
      headers: {
        ...options.headers,
        "accept-encoding": "identity",
        ...(have > 0 && { range: `bytes=${have}-` }),
        ...(have > 0 && transfer.validator !== undefined && { "if-range": transfer.validator }),
      },
    });
    if (response.status === 416) {
      // The server has no bytes after the part. Either the file is complete, or it is another file: the checksum tells.
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
        `${url} has more than ${maxBytes} bytes and was not downloaded. ${advice.address}.`,
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
    // Opened here and not by a stream, which could still create the file after a failed download has removed it.
    const file = await open(part, continues ? "a" : "w");
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, count, file.createWriteStream());
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

/** The reason is in the error's cause: the message of fetch is only "fetch failed". */
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
