/** Starts an HTTP server on an address of this machine. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { UsageError } from "../errors.js";

export interface Listening {
  readonly server: Server;
  /** "http://127.0.0.1:8080" */
  readonly url: string;
}

/**
 * Starts a server.
 *
 * @param what name of the server in messages
 * @param port 0 chooses a free port
 * @throws UsageError ERR_SERVE the server cannot listen on the port
 */
export function listen(
  what: string,
  fetch: (request: Request) => Response | Promise<Response>,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const serverOptions = { connectionsCheckingInterval: 1000 };
    const server = serve({ fetch, port, hostname: host, serverOptions }, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve({ server, url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}` });
    }) as Server;
    server.on("error", ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "another program uses this port. Choose another `port`" : message;
      reject(new UsageError("ERR_SERVE", `${what}: cannot listen on ${host}:${port}: ${why}`));
    });
  });
}
