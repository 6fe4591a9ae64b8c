/** Bytes from a server: asked for again, after pauses that grow, where it fails for a while. */

import http, { type IncomingMessage } from "node:http";
import https from "node:https";
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
  if (!URL.canParse(url)) throw new RunError("ERR_SHARD", `cannot read ${what}: it is no address.`);
  const response = await get(new URL(url), {
    stallMs,
    headers: {
      // The bytes themselves: a range of a compressed transfer is of no use.
      "accept-encoding": "identity",
      ...(range && { range: `bytes=${range.start}-${range.start + range.length - 1}` }),
    },
  });
  const { statusCode: status = 0, statusMessage, headers } = response;
  const refused = (error: Error) => {
    response.destroy();
    return error;
  };
  if (status >= 500 || status === 429 || status === 408) {
    throw refused(new Passing(`the server answered ${status} ${statusMessage}`));
  }
  const isGiven = status >= 200 && status < 300;
  const total = range === undefined ? Number(headers["content-length"] ?? Number.NaN) : totalOf(response, range.start);
  if (!isGiven || total === undefined) {
    const why = isGiven
      ? "does not answer range requests, without which photos cannot be read out of shards. Use another server, or download the shards"
      : `answered ${status} ${statusMessage}. Check the address`;
    throw refused(
      new (MISSING.has(status) ? Missing : RunError)("ERR_SHARD", `cannot read ${what}: the server ${why}.`),
    );
  }
  const most = "most" in wanted ? wanted.most : Math.min(wanted.length, total - wanted.start);
  const expected = range === undefined ? total : most;
  const chunks: Buffer[] = [];
  let count = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      count += chunk.length;
      if (count > most) throw new Passing(`the server sent more than the ${most} bytes that were asked for`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Passing ? error : new Passing(endedAfter(count, expected), { cause: error });
  }
  if (count < expected) throw new Passing(endedAfter(count, expected));
  const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  const wrong = check?.(bytes);
  if (wrong !== undefined) throw new Passing(wrong);
  return { bytes, total, version: `${headers.etag ?? headers["last-modified"] ?? ""} ${total}` };
}

/** Connections stay open from one photo to the next. `fetch` would take three times the processor's time for each. */
const CLIENTS = {
  "http:": { request: http.get, agent: new http.Agent({ keepAlive: true }) },
  "https:": { request: https.get, agent: new https.Agent({ keepAlive: true }) },
};
const MOST_REDIRECTIONS = 5;

interface Asking {
  readonly headers: Readonly<Record<string, string>>;
  readonly stallMs: number;
  readonly redirections?: number;
}

/** A server's answer, whose body is yet to come. @throws Passing */
function get(url: URL, asking: Asking): Promise<IncomingMessage> {
  const { headers, stallMs, redirections = 0 } = asking;
  return new Promise((resolve, reject) => {
    const { request, agent } = CLIENTS[url.protocol as keyof typeof CLIENTS];
    const asked = request(url, { agent, headers, timeout: stallMs }, (response) => {
      const { statusCode = 0, headers } = response;
      answer = response;
      const leads = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
      const next = leads && URL.canParse(headers.location!, url.href) ? new URL(headers.location!, url) : undefined;
      if (next === undefined || !(next.protocol in CLIENTS) || redirections === MOST_REDIRECTIONS) {
        resolve(response);
        return;
      }
      response.resume();
      resolve(get(next, { ...asking, redirections: redirections + 1 }));
    });
    const stalled = new Passing(`nothing arrived for ${stallMs / 1000} s`);
    let answer: IncomingMessage | undefined;
    asked.on("timeout", () => (answer ?? asked).destroy(stalled));
    asked.on("error", (error: NodeJS.ErrnoException) => {
      // A server closes a connection that was idle: another one is opened at once.
      if (asked.reusedSocket && error.code === "ECONNRESET") resolve(get(url, asking));
      else reject(error instanceof Passing ? error : new Passing(error.message || error.code, { cause: error }));
    });
  });
}

const endedAfter = (count: number, expected: number) => `the connection ended after ${count} of ${expected} bytes`;

/** The length of the whole file, of an answer to a range that begins where it was asked for; undefined for any other answer. */
function totalOf({ statusCode, headers }: IncomingMessage, start: number): number | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers["content-range"] ?? "");
  return statusCode === 206 && match !== null && Number(match[1]) === start ? Number(match[2]) : undefined;
}
