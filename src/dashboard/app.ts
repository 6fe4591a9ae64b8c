/** The HTTP routes of the dashboard. They only read files. */
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { PageFile } from "./page-files.js";
import { readDrift } from "./reading/drift.js";
import { confusionOf, filesIn } from "./reading/evaluations.js";
import type { FolderWatch } from "./reading/folder-watch.js";
import { metricsCsv } from "./reading/metrics-csv.js";
import { readJsonObject } from "./reading/read-json.js";
import { runDetails } from "./reading/run-details.js";
import { MetricsStore, type StepRange } from "./reading/run-metrics.js";
import type { Change } from "./wire.js";

/** Milliseconds between signs of life. A proxy may close a connection on which nothing is sent. */
const SIGN_OF_LIFE = 15_000;

/** Milliseconds between messages. Changes in between are joined, so that a slow page does not fill the memory. */
const QUEUE_WAIT = 250;

/** The page may load resources only from this server. */
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

export interface DashboardParts {
  readonly watch: FolderWatch;
  readonly page: ReadonlyMap<string, PageFile>;
  /** Host names that requests may use, without port; undefined allows any, if the server listens for other machines. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

export function dashboardApp({ watch, page, hosts, closing }: DashboardParts): Hono {
  const metrics = new MetricsStore();
  const app = new Hono();

  app.use(async (context, next) => {
    // Against DNS rebinding: without this check a page of another site, whose name points here, could read the runs.
    const host = (context.req.header("host") ?? "").replace(/:\d+$/, "");
    if (hosts !== undefined && !hosts.has(host))
      return context.json(error(`the dashboard does not answer requests for the host ${host}`), 403);
    await next();
    context.header("Content-Security-Policy", POLICY);
    context.header("X-Content-Type-Options", "nosniff");
    if (context.res.headers.get("Cache-Control") === null) context.header("Cache-Control", "no-store");
    return undefined;
  });

  app.get("/api/runs", (context) => context.json(watch.listing()));
  app.get("/api/events", (context) => events(context, watch, closing));
  app.get("/api/run", (context) => {
    const run = runOf(context, watch);
    return run === undefined ? missing(context, "run") : context.json(runDetails(run.path, run.summary));
  });
  app.get("/api/series", async (context) => {
    const run = runOf(context, watch);
    if (run === undefined) return missing(context, "run");
    return context.json(await metrics.read(run.summary.id, metricsFile(run.path), rangeOf(context)));
  });
  app.get("/api/metrics.csv", (context) => {
    const runs = (context.req.queries("run") ?? []).flatMap((id) => {
      const run = watch.run(id);
      return run === undefined ? [] : [{ id, path: metricsFile(run.path) }];
    });
    context.header("Content-Disposition", 'attachment; filename="metrics.csv"');
    context.header("Content-Type", "text/csv; charset=utf-8");
    const csv = metricsCsv(runs, new Set(context.req.queries("metric")));
    return context.body(ReadableStream.from(csv).pipeThrough(new TextEncoderStream()));
  });
  app.get("/api/drift", async (context) => {
    const run = runOf(context, watch);
    if (run === undefined) return missing(context, "run");
    return context.json(await readDrift(join(run.path, "batch-norm-drift.jsonl")));
  });
  app.get("/api/confusion", (context) => {
    const run = runOf(context, watch);
    const name = run && context.req.query("file");
    const folder = run && join(run.path, "evaluation");
    if (folder === undefined || name === undefined || !filesIn(folder, ".json").includes(name))
      return missing(context, "file");
    const confusion = confusionOf(join(folder, name));
    return confusion === undefined ? missing(context, "confusion matrix") : context.json(confusion);
  });
  app.get("/api/report", (context) => {
    const kind = context.req.query("kind") === "suite" ? "suite" : "comparison";
    const path = watch.report(kind, context.req.query("id") ?? "");
    const report = path === undefined ? undefined : readJsonObject(path);
    return report === undefined ? missing(context, "report") : context.json(report);
  });
  for (const folder of ["images", "evaluation"] as const)
    app.get(`/files/${folder}`, (context) => picture(context, watch, folder));

  for (const [address, { bytes, type, lasting }] of page) {
    app.get(address, (context) => {
      context.header("Content-Type", type);
      context.header("Cache-Control", lasting ? "public, max-age=31536000, immutable" : "no-cache");
      return context.body(bytes);
    });
  }
  app.notFound((context) => missing(context, "address"));
  app.onError((_, context) => context.json(error("the files could not be read"), 500));
  return app;
}

const error = (message: string) => ({ error: { message } });
const missing = (context: Context, what: string) => context.json(error(`there is no such ${what}`), 404);
const metricsFile = (path: string) => join(path, "metrics.jsonl");

/** Finds a run by its id among the known runs, so that no request can name a path. */
const runOf = (context: Context, watch: FolderWatch) => watch.run(context.req.query("run") ?? "");

function rangeOf(context: Context): StepRange | undefined {
  const [from, to] = [context.req.query("from"), context.req.query("to")].map(Number);
  return Number.isFinite(from) && Number.isFinite(to) ? { from, to } : undefined;
}

/** Valid names of pictures, in the folder or one level below it; no part begins with a dot. */
const PICTURE = /^(?:[\w-][\w.-]*\/)?[\w-][\w.-]*\.(png|jpg|webp)$/;

function picture(context: Context, watch: FolderWatch, folder: "images" | "evaluation") {
  const run = runOf(context, watch);
  const name = context.req.query("name") ?? "";
  const kind = PICTURE.exec(name)?.[1];
  if (run === undefined || kind === undefined) return missing(context, "picture");
  const path = join(run.path, folder, name);
  try {
    // Links in a run's folder must not lead outside of it.
    const parts = name.split("/");
    const inside = parts.map((_, i) => lstatSync(join(run.path, folder, ...parts.slice(0, i + 1))));
    if (!inside.at(-1)!.isFile() || inside.some((one) => one.isSymbolicLink())) return missing(context, "picture");
    context.header("Content-Type", kind === "jpg" ? "image/jpeg" : `image/${kind}`);
    // The page adds the folder's version to the address, so a changed picture has a new address.
    context.header("Cache-Control", "private, max-age=3600");
    return context.body(new Uint8Array(readFileSync(path)));
  } catch {
    return missing(context, "picture");
  }
}

/** Sends the whole listing first, then every change. */
function events(context: Context, watch: FolderWatch, closing: AbortSignal) {
  return streamSSE(context, async (stream) => {
    const ended = new AbortController();
    const end = () => ended.abort();
    stream.onAbort(end);
    closing.addEventListener("abort", end, { once: true });
    let waiting: Change | undefined;
    let wake = () => {};
    const listing = watch.listing();
    const stop = watch.listen((change) => {
      waiting = waiting === undefined ? change : joined(waiting, change);
      wake();
    });
    try {
      await stream.writeSSE({ event: "listing", data: JSON.stringify(listing) });
      while (!ended.signal.aborted) {
        if (waiting === undefined)
          await pause(SIGN_OF_LIFE, ended.signal, (resolve) => {
            wake = resolve;
          });
        const change = waiting as Change | undefined;
        waiting = undefined;
        if (ended.signal.aborted) break;
        if (change === undefined) await stream.write(": alive\n\n");
        else {
          await stream.writeSSE({ event: "change", data: JSON.stringify(change) });
          await pause(QUEUE_WAIT, ended.signal, () => {});
        }
      }
    } finally {
      stop();
      closing.removeEventListener("abort", end);
    }
  });
}

/** Joins two changes into one; for a run that changed twice the later summary is kept. */
function joined(first: Change, second: Change): Change {
  const runs = new Map([...first.runs, ...second.runs].map((run) => [run.id, run] as const));
  for (const id of second.removed) runs.delete(id);
  return {
    runs: [...runs.values()],
    removed: [...new Set([...first.removed, ...second.removed])].filter((id) => !runs.has(id)),
    ...((second.reports ?? first.reports) && { reports: second.reports ?? first.reports }),
  };
}

/** Waits for this time, until the signal, or until the function that `take` receives is called. */
function pause(milliseconds: number, signal: AbortSignal, take: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done, { once: true });
    take(done);
  });
}
