/** Starts an HTTP server on an address of this machine. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { UsageError } from "../errors.js";

/** Where a server listens. */
export interface Address {
  /** 0 chooses a free port. */
  readonly port: number;
  readonly host: string;
}

export interface Listening {
  readonly server: Server;
  /** "http://127.0.0.1:8080" */
  readonly url: string;
}

/**
 * Checks an address before anything is opened.
 *
 * @param what name of the server in messages
 * @throws UsageError ERR_SERVE the port is not a whole number from 0 to 65535, or the host is empty
 */
export function checkAddress(what: string, { port, host }: Address): void {
  // Node takes a text as the path of a socket file, and an empty host as all addresses of the machine.
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError("ERR_SERVE", `${what}: \`port\` must be a whole number from 0 to 65535; got ${port}`);
  }
  if (host === "") {
    throw new UsageError(
      "ERR_SERVE",
      `${what}: \`host\` must be an address, such as 127.0.0.1; got an empty text. Leave it out to listen on 127.0.0.1`,
    );
  }
}

/**
 * Starts a server.
 *
 * @param what name of the server in messages
 * @param address as {@link checkAddress} allows it
 * @throws UsageError ERR_SERVE the server cannot listen on the port
 */
export function listen(
  what: string,
  fetch: (request: Request) => Response | Promise<Response>,
  { port, host }: Address,
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
