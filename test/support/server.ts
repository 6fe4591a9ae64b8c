/** A server on this machine for tests of downloads. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export type Answer = (request: IncomingMessage, response: ServerResponse, connection: number) => void;

/** A server that answers connection after connection as `answer` says, until the test ends. */
export async function serve(answer: Answer): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.method === "GET") ranges.push(request.headers.range);
    answer(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ranges };
}

/** Sends what is asked for, as servers with ranges do. */
export function sendRange(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Answer {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "bytes=0-")![1]);
    if (start >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    const range = request.headers.range && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(range ? 206 : 200, { ...headers, "content-length": bytes.length - start, ...range });
    response.end(bytes.subarray(start));
  };
}

/** Sends the first half of what is left, then ends the connection or keeps silent. */
export function sendHalf(
  bytes: Uint8Array,
  how: "break" | "stall",
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "bytes=0-")![1]);
    const rest = bytes.subarray(start);
    const range = request.headers.range && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(range ? 206 : 200, { ...headers, "content-length": rest.length, ...range });
    response.write(rest.subarray(0, rest.length / 2), () => how === "break" && response.socket!.end());
  };
}

/** Sends the files of a folder, and the ranges of them that are asked for. */
export const sendFiles =
  (folder: string): Answer =>
  (request, response) => {
    const path = join(folder, decodeURIComponent(request.url!));
    if (!existsSync(path)) {
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(path);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (range === null) {
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      return;
    }
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    const headers = { "content-length": end + 1 - start, "content-range": `bytes ${start}-${end}/${bytes.length}` };
    response.writeHead(206, headers).end(bytes.subarray(start, end + 1));
  };
