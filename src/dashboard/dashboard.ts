/** A folder of runs as a page that follows them. */
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UsageError } from "../errors.js";
import { listen } from "../serving/listen.js";
import { dashboardApp } from "./app.js";
import { pageFiles } from "./page-files.js";
import { FolderWatch } from "./reading/folder-watch.js";

export interface DashboardOptions {
  /** By default 8081; 0 takes a free one. */
  readonly port?: number;
  /** The address to listen on; by default 127.0.0.1, which other machines do not reach. */
  readonly host?: string;
  /** Folder of the built page; by default where the build puts it. */
  readonly page?: string;
}

export interface Dashboard {
  /** "http://127.0.0.1:8081" */
  readonly url: string;
  close(): Promise<void>;
}

/** Beside the compiled files. */
const PAGE = fileURLToPath(new URL("../web/dashboard", import.meta.url));

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Serves the dashboard of a folder: its runs, those in its folders, and the reports of comparisons and suites. It only reads.
 * The runs may be trained meanwhile, come and go.
 *
 * @param folder of runs, or one run
 * @throws UsageError ERR_DASHBOARD there is no such folder, or the page was not built; ERR_SERVE the port cannot be listened on
 */
export async function startDashboard(folder: string, options: DashboardOptions = {}): Promise<Dashboard> {
  const { port = 8081, host = "127.0.0.1" } = options;
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const remedy = "Give the folder that holds your runs; `train` puts them into runs/";
    throw new UsageError("ERR_DASHBOARD", `dashboard: ${folder} is no folder. ${remedy}`);
  }
  const page = pageFiles(options.page ?? PAGE);
  if (!page.has("/")) {
    throw new UsageError("ERR_DASHBOARD", "dashboard: the page was not built. In a checkout run: npm run build");
  }
  const closing = new AbortController();
  const local = LOOPBACK.includes(host) || host === "::1";
  const watch = new FolderWatch(folder);
  watch.listing(); // so that the first page finds what is there already known
  const app = dashboardApp({
    watch,
    page,
    hosts: local ? new Set(LOOPBACK) : undefined,
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
