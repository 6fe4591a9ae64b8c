/** Serves a folder of runs as a web page that is updated live. */
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.js";
import { checkAddress, listen } from "../serving/listen.js";
import { dashboardApp } from "./app.js";
import { pageFiles } from "./page-files.js";
import { statusOf } from "./reading/file-status.js";
import { FolderWatch } from "./reading/folder-watch.js";

export interface DashboardOptions {
  /** By default 8081; 0 chooses a free port. */
  readonly port?: number;
  /** The address to listen on; by default 127.0.0.1, which other machines cannot reach. */
  readonly host?: string;
  /** Folder of the built page; by default that of the build. */
  readonly page?: string;
}

export interface Dashboard {
  /** "http://127.0.0.1:8081" */
  readonly url: string;
  close(): Promise<void>;
}

/** Beside the compiled files. */
const PAGE = fileURLToPath(new URL("../web/dashboard", import.meta.url));

/** Names of this machine that no other machine can reach. */
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** The names that requests may use; undefined allows any, if the server listens for other machines. */
function hostsOf(host: string): ReadonlySet<string> | undefined {
  const name = host.includes(":") ? `[${host}]` : host.toLowerCase();
  return LOOPBACK.includes(name) || /^127(\.\d+){3}$/.test(name) ? new Set([...LOOPBACK, name]) : undefined;
}

/**
 * Serves the dashboard of a folder: its runs, also in subfolders, and the reports of comparisons and suites. It only reads files. Runs
 * may be training, and may be added or removed at any time.
 *
 * @param folder a folder of runs, or one run
 * @throws UsageError ERR_DASHBOARD there is no such folder, or the page was not built; ERR_SERVE the port is out of range, or the
 *   server cannot listen on it
 */
export async function startDashboard(folder: string, options: DashboardOptions = {}): Promise<Dashboard> {
  const { port = 8081, host = "127.0.0.1" } = options;
  checkAddress("dashboard", { port, host });
  if (statusOf(folder)?.isDirectory() !== true) {
    const remedy = "Give the folder that contains your runs; `train` writes them into runs/";
    throw new UsageError("ERR_DASHBOARD", `dashboard: there is no folder ${folder}. ${remedy}`);
  }
  const page = pageFiles(options.page ?? PAGE);
  if (!page.has("/")) {
    throw new UsageError("ERR_DASHBOARD", "dashboard: the page was not built. In a checkout run: npm run build");
  }
  const closing = new AbortController();
  const watch = new FolderWatch(folder);
  watch.listing(); // reads the folder before the first request
  const app = dashboardApp({
    watch,
    page,
    hosts: hostsOf(host),
    closing: closing.signal,
  });
  const { server, url } = await listen("dashboard", app.fetch, { port, host });
  return {
    url,
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
