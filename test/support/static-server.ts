/** A plain static server, as any host of files is one. */
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";

/** Serves a folder on the loopback address. */
export async function serveFolder(folder: string): Promise<{ readonly url: string; close(): void }> {
  const { fetch } = new Hono().use(serveStatic({ root: folder }));
  const server = serve({ fetch, port: 0, hostname: "127.0.0.1" });
  await new Promise<void>((ready) => server.once("listening", ready));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
