/** Reads bytes from a server. A failed request is repeated after growing pauses. */

import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { RunError } from "../../errors.js";

/** Number of attempts. With the pauses between them a server can be unavailable for 15 seconds. */
const ATTEMPTS = 6;

export interface HttpOptions {
  /** Pause before the second attempt, doubled for each one after it; by default half a second. */
  readonly pauseMs?: number;
  /** Closes a connection that sends nothing for this time; by default 30 seconds. */
  readonly stallMs?: number;
  /** Returns why received bytes are wrong, so that they are requested again; undefined for right ones. */
  readonly check?: (bytes: Uint8Array) => string | undefined;
}

export interface HttpBytes {
  readonly bytes: Uint8Array;
  /** Bytes of the whole file. */
  readonly total: number;
  /** The server's identifier of this version of the file. */
  readonly version: string;
}

/** A failure that another attempt can solve. */
class Transient extends Error {}

/**
 * Reads `length` bytes of a file, or fewer where the file ends before.
 *
 * @throws RunError ERR_NETWORK where every attempt fails
 * @throws RunError ERR_SHARD where the server refuses the request or does not support ranges
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
 * @param most maximum number of bytes
 * @returns undefined where the file does not exist
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
      if (!(error instanceof Transient)) throw error;
      if (attempt === ATTEMPTS) {
        throw new RunError(
          "ERR_NETWORK",
          `cannot read ${what}: ${error.message} (${ATTEMPTS} attempts). Check the server and the network; an interrupted run can be continued with \`resume\`.`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1)));
    }
  }
}

class Missing extends RunError {}
/** A bucket whose contents may not be listed answers 403 for a missing file. */
const MISSING = new Set([403, 404, 410]);

type ByteRequest = { readonly start: number; readonly length: number } | { readonly most: number };

async function fetchBytes(
  url: string,
  wanted: ByteRequest,
  { stallMs = 30_000, check }: HttpOptions,
): Promise<HttpBytes> {
  const range = "start" in wanted ? wanted : undefined;
  const what = range === undefined ? url : `${url} at ${range.start}`;
  if (!URL.canParse(url)) throw new RunError("ERR_SHARD", `cannot read ${what}: it is not a valid address.`);
  const response = await get(new URL(url), {
    stallMs,
    headers: {
      // A range of a compressed transfer cannot be decompressed.
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
    throw refused(new Transient(`the server answered ${status} ${statusMessage}`));
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
      if (count > most) throw new Transient(`the server sent more than the ${most} bytes that were requested`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Transient ? error : new Transient(endedAfter(count, expected), { cause: error });
  }
  if (count < expected) throw new Transient(endedAfter(count, expected));
  const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  const wrong = check?.(bytes);
  if (wrong !== undefined) throw new Transient(wrong);
  return { bytes, total, version: `${headers.etag ?? headers["last-modified"] ?? ""} ${total}` };
}

/** Connections are kept open between photos. `fetch` would take three times as much processor time per photo. */
const CLIENTS = {
  "http:": { request: http.get, agent: new http.Agent({ keepAlive: true }) },
  "https:": { request: https.get, agent: new https.Agent({ keepAlive: true }) },
};
const MOST_REDIRECTIONS = 5;

interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly stallMs: number;
  readonly redirections?: number;
}

/** Requests an address, and returns the response before its body is read. @throws Transient */
function get(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const { headers, stallMs, redirections = 0 } = options;
  return new Promise((resolve, reject) => {
    const { request, agent } = CLIENTS[url.protocol as keyof typeof CLIENTS];
    const sent = request(url, { agent, headers, timeout: stallMs }, (response) => {
      const { statusCode = 0, headers } = response;
      answer = response;
      const leads = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
      const next = leads && URL.canParse(headers.location!, url.href) ? new URL(headers.location!, url) : undefined;
      if (next === undefined || !(next.protocol in CLIENTS) || redirections === MOST_REDIRECTIONS) {
        resolve(response);
        return;
      }
      response.resume();
      resolve(get(next, { ...options, redirections: redirections + 1 }));
    });
    const stalled = new Transient(`nothing arrived for ${stallMs / 1000} s`);
    let answer: IncomingMessage | undefined;
    sent.on("timeout", () => (answer ?? sent).destroy(stalled));
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // The server closed an idle connection. The request is sent again over a new one.
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(get(url, options));
      else reject(error instanceof Transient ? error : new Transient(error.message || error.code, { cause: error }));
    });
  });
}

const endedAfter = (count: number, expected: number) => `the connection ended after ${count} of ${expected} bytes`;

/**
 * The length of the whole file, from the response to a range request; undefined where the response is not the requested
 * range.
 */
function totalOf({ statusCode, headers }: IncomingMessage, start: number): number | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers["content-range"] ?? "");
  return statusCode === 206 && match !== null && Number(match[1]) === start ? Number(match[2]) : undefined;
}
