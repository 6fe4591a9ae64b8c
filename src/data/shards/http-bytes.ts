/** Bytes from a server: asked for again, after pauses that grow, where it fails for a while. */

import { RunError } from "../../errors.js";

/** Attempts in all: with the pauses between them a server may be away for a quarter of a minute. */
const ATTEMPTS = 6;

export interface HttpOptions {
  /** Pause before the second attempt, doubled for each further one; by default half a second. */
  readonly pauseMs?: number;
  /** Gives a connection up that brings nothing for so long; by default 30 seconds. */
  readonly stallMs?: number;
  /** Why bytes that came are wrong, so that they are asked for again; undefined for right ones. */
  readonly check?: (bytes: Uint8Array) => string | undefined;
}

export interface HttpBytes {
  readonly bytes: Uint8Array;
  /** Bytes of the whole file. */
  readonly total: number;
  /** What the server calls this version of the file. */
  readonly version: string;
}

/** A failure that another attempt may mend. */
class Passing extends Error {}

/**
 * Reads `length` bytes of a file, or fewer where it ends before.
 *
 * @throws RunError ERR_NETWORK where the server fails in every attempt
 * @throws RunError ERR_SHARD where it refuses, or knows no ranges
 */
export async function readRange(
  url: string,
  start: number,
  length: number,
  options: HttpOptions = {},
): Promise<HttpBytes> {
  return attempted(`${url} at ${start}`, options, () => fetchBytes(url, { start, length }, options));
}

/**
 * Reads a small file as a whole.
 *
 * @param most bytes that are taken
 * @returns undefined where the server has no such file
 * @throws RunError as {@link readRange}
 */
export async function readWhole(url: string, most: number, options: HttpOptions = {}): Promise<Uint8Array | undefined> {
  try {
    return (await attempted(url, options, () => fetchBytes(url, { most }, options))).bytes;
  } catch (error) {
    if (error instanceof Missing) return undefined;
    throw error;
  }
}

async function attempted<T>(what: string, { pauseMs = 500 }: HttpOptions, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      if (attempt === ATTEMPTS) {
        throw new RunError(
          "ERR_NETWORK",
          `cannot read ${what}: ${error.message} (${ATTEMPTS} attempts). Check the server and the network; a run goes on with \`resume\`.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1)));
    }
  }
}

class Missing extends RunError {}
/** Buckets answer 403 for what is not there, where their contents may not be listed. */
const MISSING = new Set([403, 404, 410]);

type Wanted = { readonly start: number; readonly length: number } | { readonly most: number };

async function fetchBytes(url: string, wanted: Wanted, { stallMs = 30_000, check }: HttpOptions): Promise<HttpBytes> {
  const range = "start" in wanted ? wanted : undefined;
  const what = range === undefined ? url : `${url} at ${range.start}`;
  const abort = new AbortController();
  let stalled = false;
  const stall = () => {
    stalled = true;
    abort.abort();
  };
  let timer = setTimeout(stall, stallMs);
  let count = 0;
  let expected: number | undefined;
  try {
    const response = await fetch(url, {
      signal: abort.signal,
      // The bytes themselves: a range of a compressed transfer is of no use.
      headers: {
        "accept-encoding": "identity",
        ...(range && { range: `bytes=${range.start}-${range.start + range.length - 1}` }),
      },
    });
    const { status, headers } = response;
    if (status >= 500 || status === 429 || status === 408) {
      await response.body?.cancel();
      throw new Passing(`the server answered ${status} ${response.statusText}`);
    }
    const total =
      range === undefined ? Number(headers.get("content-length") ?? Number.NaN) : totalOf(response, range.start);
    if (!response.ok || response.body === null || (range !== undefined && total === undefined)) {
      await response.body?.cancel();
      const why =
        response.ok && range !== undefined
          ? "does not answer range requests, without which photos cannot be read out of shards. Use another server, or download the shards"
          : `answered ${status} ${response.statusText}. Check the address`;
      throw new (MISSING.has(status) ? Missing : RunError)("ERR_SHARD", `cannot read ${what}: the server ${why}.`);
    }
    const most = range === undefined ? (wanted as { most: number }).most : Math.min(range.length, total! - range.start);
    const chunks: Uint8Array[] = [];
    expected = range === undefined ? total : most;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(stall, stallMs);
      count += chunk.length;
      if (count > most) throw new Passing(`the server sent more than the ${most} bytes that were asked for`);
      chunks.push(chunk);
    }
    if (expected !== undefined && count < expected) throw new Passing(endedAfter(count, expected));
    const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    const wrong = check?.(bytes);
    if (wrong !== undefined) throw new Passing(wrong);
    return {
      bytes,
      total: total ?? count,
      version: `${headers.get("etag") ?? headers.get("last-modified") ?? ""} ${total}`,
    };
  } catch (error) {
    if (error instanceof RunError || error instanceof Passing) throw error;
    if (stalled) throw new Passing(`nothing arrived for ${stallMs / 1000} s`, { cause: error });
    if (expected !== undefined) throw new Passing(endedAfter(count, expected), { cause: error });
    const { message, cause } = error as Error;
    const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
    throw new Passing([inner || message, code].filter(Boolean).join(", "), { cause: error });
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

const endedAfter = (count: number, expected: number) => `the connection ended after ${count} of ${expected} bytes`;

/** The length of the whole file, of an answer to a range that begins where it was asked for; undefined for any other answer. */
function totalOf({ status, headers }: Response, start: number): number | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  return status === 206 && match !== null && Number(match[1]) === start ? Number(match[2]) : undefined;
}
