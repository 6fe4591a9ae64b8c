/** The dashboard's server: its answers about runs in every state, and the files that it must not serve. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type DashboardOptions, startDashboard } from "../../src/dashboard/dashboard.js";
import type { Change, Listing, RunDetails, RunSeries } from "../../src/dashboard/wire.js";
import { lockRun } from "../../src/runs/run-lock.js";
import { error } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { appendEpoch, appendRaw, CLASSES, writeEvaluation, writeRunFolder } from "../support/run-folders.js";

/** A minimal page, so that the real one need not be built. */
function pageFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<title>page</title>");
  writeFileSync(join(folder, "assets/page.js"), "1;");
  writeFileSync(join(folder, "secret.txt"), "not of the page");
  return folder;
}

async function dashboard(folder: string, options: DashboardOptions = {}) {
  const server = await startDashboard(folder, { port: 0, page: pageFolder(), ...options });
  onTestFinished(() => server.close());
  const get = (path: string) => fetch(`${server.url}${path}`);
  const json = async <T>(path: string) => (await (await get(path)).json()) as T;
  return { ...server, get, json, of: (run: string, more = "") => `?run=${encodeURIComponent(run)}${more}` };
}

const states = ({ runs }: Listing) => Object.fromEntries(runs.map(({ id, state }) => [id, state]));

test("lists the runs of all subfolders, with their state from status and lock", async () => {
  const root = temporaryFolder();
  writeRunFolder(join(root, "finished"));
  writeRunFolder(join(root, "group/runs/stopped"), { status: "stopped" });
  writeRunFolder(join(root, "failed"), { status: "failed" });
  writeRunFolder(join(root, "crashed"), { status: "running" });
  const running = writeRunFolder(join(root, "running"), { status: "running" });
  const unlock = lockRun(running.path, join(running.path, "lock"));
  const { json } = await dashboard(root);
  expect(states(await json<Listing>("/api/runs"))).toEqual({
    crashed: "crashed",
    failed: "failed",
    finished: "finished",
    "group/runs/stopped": "stopped",
    running: "running",
  });
  // The process was killed: no file of the run changes except the lock.
  unlock();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(states(await json<Listing>("/api/runs")).running).toBe("crashed");
});

test("a line of the list has the settings, the progress and the accuracy of a run", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "one"), { epochs: 3 });
  writeEvaluation(run, { createdAt: "2026-11-29T11:00:00.000Z", accuracy: 0.7 });
  writeEvaluation(run, { createdAt: "2026-11-29T11:00:01.000Z", accuracy: 0.8 });
  // Fine-grained AdvProp names the loss after the route.
  appendRaw(run.metrics.path, '{"type":"epoch","step":30,"epoch":2,"seconds":4,"auxLoss":3,"mainLoss":1.5}\n');
  const attack = { attack: { name: "pgd", epsilon: 8 / 255, norm: "linf" }, robustAccuracy: 0.3 };
  writeEvaluation(run, { createdAt: "2026-11-29T11:00:02.000Z", accuracy: 0.75, ...attack });
  writeEvaluation(run, { createdAt: "2026-11-29T11:00:03.000Z", accuracy: 0.1, route: "aux" });
  const { json } = await dashboard(root);
  const [line] = (await json<Listing>("/api/runs")).runs;
  expect(line).toMatchObject({
    ...{
      name: "one",
      method: "advprop",
      model: "resnet20",
      data: "shapes",
      seed: 3,
      epochs: 5,
      epochsDone: 3,
      step: 30,
    },
    ...{ validation: 0.52, clean: 0.8, robust: 0.3, attack: "pgd 8/255", secondsPerEpoch: 4, loss: 1.5 },
  });
});

test("the results of a suite are given with the run, and are its score if there is no other", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "one"));
  const suite = (createdAt: string, value: number) => {
    const summary = {
      data: {},
      models: [],
      measures: [{ name: "clean accuracy", better: "higher", values: [{ value }] }],
    };
    mkdirSync(join(run.evaluation, "suites"), { recursive: true });
    writeFileSync(join(run.evaluation, `suites/${createdAt}.json`), JSON.stringify({ schema: 1, createdAt, summary }));
    return summary;
  };
  suite("2026-01-02", 0.5);
  const newest = suite("2026-01-03", 0.6);
  suite("2026-01-01", 0.4);
  writeFileSync(join(run.evaluation, "suites/half.json"), "{");
  const { json, of } = await dashboard(root);
  const [listed] = (await json<Listing>("/api/runs")).runs;
  expect(listed.clean).toBe(0.6);
  expect(listed.changedAt).toBeLessThanOrEqual(Date.now());
  expect((await json<RunDetails>(`/api/run${of("one")}`)).suite).toEqual(newest);
});

test("a single run can be watched", async () => {
  const root = join(temporaryFolder(), "alone");
  writeRunFolder(root);
  const { json, of } = await dashboard(root);
  expect((await json<Listing>("/api/runs")).runs).toMatchObject([{ id: ".", name: "alone" }]);
  expect((await json<RunDetails>(`/api/run${of(".")}`)).recipe).toMatchObject({ "optimizer.lr": 0.1 });
});

test("broken lines, half-written files and runs of other versions harm nothing", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "whole"));
  appendRaw(
    run.metrics.path,
    'not JSON\n[1]\n{"type":"step"}\nnull\n{"type":"step","step":21,"epoch":2,"cleanLoss":7,"odd":{"deep":1}}\n',
  );
  appendRaw(run.metrics.path, '{"type":"step","step":22,"clean');
  appendRaw(run.batchNormDrift.path, '{"step":30,"layers":[{"name":4},null,7]}\n{"st');
  writeFileSync(join(run.evaluation, "half.json"), '{"accuracy": 0.');
  writeFileSync(join(run.images, "epoch-0001.png"), "");
  writeFileSync(join(run.images, "epoch-0001.json"), "{");
  writeFileSync(run.environment, "");
  writeFileSync(run.recipe, "method: advprop\n  : [");
  const other = writeRunFolder(join(root, "other"));
  writeFileSync(other.info, JSON.stringify({ schema: 2 }));
  const half = writeRunFolder(join(root, "half"));
  writeFileSync(half.info, '{"schema": 1, "stat');
  mkdirSync(join(root, "empty"));
  writeFileSync(join(root, "empty/run.json"), '{"schema":1}');
  mkdirSync(join(root, "report"));
  writeFileSync(join(root, "report/comparison.json"), "{");

  const { json, get, of } = await dashboard(root);
  const listing = await json<Listing>("/api/runs");
  expect(states(listing)).toEqual({ empty: "failed", half: "unreadable", other: "unreadable", whole: "finished" });
  expect(listing.runs.find(({ id }) => id === "other")!.problem).toMatch(/schema 2/);

  const { lines, broken, series } = await json<RunSeries>(`/api/series${of("whole")}`);
  expect([lines, broken]).toEqual([2 * 12 + 5, 4]);
  expect(series["step.cleanLoss"].step.at(-1)).toBe(21);
  expect(series["step.cleanLoss"].mean.at(-1)).toBe(7);
  expect(series["step.odd.deep"].mean).toEqual([1]);
  const drift = await json<{ epochs: number[]; mean: (number | null)[][] }[]>(`/api/drift${of("whole")}`);
  expect(drift).toMatchObject([
    {
      route: "aux",
      layers: ["bn1", "layer1.bn2"],
      epochs: [0, 1, 30],
      mean: [
        [0.1, 0.1, null],
        [0.2, 0.2, null],
      ],
    },
  ]);
  const details = await json<RunDetails>(`/api/run${of("whole")}`);
  expect(details).toMatchObject({
    recipe: {},
    environment: {},
    evaluations: [],
    snapshots: [{ file: "epoch-0001.png", epoch: 1 }],
  });
  for (const id of ["empty", "other", "half"]) {
    for (const path of ["run", "series", "drift"]) expect((await get(`/api/${path}${of(id)}`)).status).toBe(200);
  }
  expect((await get("/api/report?kind=comparison&id=report")).status).toBe(404);
});

test("appended lines appear, lines that a resume removes disappear, and so does a deleted run", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "run"));
  const { json, get, of } = await dashboard(root);
  const steps = async () => (await json<RunSeries>(`/api/series${of("run")}`)).series["step.cleanLoss"].step.at(-1);
  expect(await steps()).toBe(20);
  appendEpoch(run, 2);
  expect(await steps()).toBe(30);
  run.metrics.truncateAfter(10);
  expect(await steps()).toBe(10);
  rmSync(run.path, { recursive: true });
  await new Promise((resolve) => setTimeout(resolve, 600));
  for (const path of ["run", "series", "drift", "metrics.csv"]) {
    const { status } = await get(`/api/${path}${of("run")}`);
    expect([path, status]).toEqual([path, path === "metrics.csv" ? 200 : 404]);
  }
  expect((await json<Listing>("/api/runs")).runs).toEqual([]);
});

test("a part of a long run has more detail than the whole", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "long"), { epochs: 0 });
  const line = (step: number) => `{"type":"step","step":${step},"epoch":0,"cleanLoss":${step % 7}}\n`;
  appendRaw(run.metrics.path, Array.from({ length: 20_000 }, (_, i) => line(i + 1)).join(""));
  const { json, of } = await dashboard(root);
  const whole = (await json<RunSeries>(`/api/series${of("long")}`)).series["step.cleanLoss"];
  expect(whole.step.length).toBeLessThanOrEqual(1024);
  expect(whole.largest).toHaveLength(whole.step.length);
  const part = (await json<RunSeries>(`/api/series${of("long", "&from=501&to=600")}`)).series["step.cleanLoss"];
  expect(part.step).toEqual(Array.from({ length: 100 }, (_, i) => 501 + i));
  expect(part.mean[0]).toBe(501 % 7);
});

test("CSV has every record of the given runs and metrics", async () => {
  const root = temporaryFolder();
  writeRunFolder(join(root, 'a, "b"'));
  writeRunFolder(join(root, "c"));
  const { get, of } = await dashboard(root);
  const response = await get(
    `/api/metrics.csv${of('a, "b"', "&run=c&metric=step.cleanLoss&metric=validation.accuracy")}`,
  );
  expect(response.headers.get("content-type")).toMatch("text/csv");
  const lines = (await response.text()).split("\r\n");
  expect(lines).toHaveLength(1 + 2 * (20 + 2) + 1);
  expect(lines[1]).toBe('"a, ""b""",step.cleanLoss,1,0,2');
  expect(lines.at(-2)).toBe("c,validation.accuracy,20,1,0.51");
  // An unreadable file does not end the server.
  rmSync(join(root, "c/metrics.jsonl"));
  mkdirSync(join(root, "c/metrics.jsonl"));
  expect(await (await get(`/api/metrics.csv${of("c")}`)).text()).toBe("run,metric,step,epoch,value\r\n");
  expect((await get("/api/runs")).status).toBe(200);
});

test("a confusion matrix is given without zeros, for both of its file formats", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "run"));
  const dense = writeEvaluation(run);
  const sparse = writeEvaluation(run, {
    createdAt: "b",
    confusion: undefined,
    confusionCounts: [
      [0, 1, 5],
      [2, 2, 7],
    ],
  });
  const { json, get, of } = await dashboard(root);
  expect(await json(`/api/confusion${of("run", `&file=${dense}`)}`)).toEqual({
    classes: CLASSES,
    counts: [0, 0, 8, 0, 1, 2, 1, 1, 10, 2, 0, 1, 2, 2, 9],
  });
  expect(await json(`/api/confusion${of("run", `&file=${sparse}`)}`)).toEqual({
    classes: CLASSES,
    counts: [0, 1, 5, 2, 2, 7],
  });
  const { evaluations } = await json<RunDetails>(`/api/run${of("run")}`);
  expect(evaluations.map(({ file, hasConfusion }) => [file, hasConfusion])).toEqual(
    expect.arrayContaining([
      [dense, true],
      [sparse, true],
    ]),
  );
  expect(evaluations.some(({ evaluation }) => "confusion" in evaluation)).toBe(false);
  expect((await get(`/api/confusion${of("run", "&file=../run.json")}`)).status).toBe(404);
});

test("only files of the runs and the page are served", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "runs/run"));
  writeFileSync(join(root, "secret.png"), "secret");
  writeFileSync(join(run.images, "epoch-0001.png"), "picture");
  mkdirSync(join(run.evaluation, "test-1"));
  writeFileSync(join(run.evaluation, "test-1/mistake-01.jpg"), "photo");
  symlinkSync(join(root, "secret.png"), join(run.images, "link.png"));
  symlinkSync(root, join(run.images, "way"));
  const { get, of, url } = await dashboard(join(root, "runs"));
  const picture = await get(`/files/images${of("run", "&name=epoch-0001.png")}`);
  expect([picture.headers.get("content-type"), await picture.text()]).toEqual(["image/png", "picture"]);
  expect(await (await get(`/files/evaluation${of("run", "&name=test-1/mistake-01.jpg")}`)).text()).toBe("photo");
  expect(await (await get("/assets/page.js")).text()).toBe("1;");

  const names = [
    "../../../secret.png",
    "..%2F..%2F..%2Fsecret.png",
    "%2e%2e/secret.png",
    "link.png",
    "way/secret.png",
    "a/b/c.png",
    ".hidden.png",
    `${root}/secret.png`,
    "epoch-0001.png%00",
    "",
    "epoch-0001.json",
    "..\\secret.png",
  ];
  for (const name of names)
    expect([name, (await get(`/files/images${of("run", `&name=${name}`)}`)).status]).toEqual([name, 404]);
  for (const id of ["..", "../", "run/..", "/", root, "run/images", ""]) {
    for (const path of ["run", "series", "drift"])
      expect([id, (await get(`/api/${path}${of(id)}`)).status]).toEqual([id, 404]);
    expect((await get(`/api/report${of(id, `&id=${encodeURIComponent(id)}`)}`)).status).toBe(404);
  }
  // Raw requests, because fetch would normalise the path.
  for (const path of [
    "/../secret.png",
    "/assets/../../secret.png",
    "/assets/%2e%2e/secret.txt",
    "/secret.txt",
    "/..%2fsecret.png",
    "//etc/passwd",
  ]) {
    expect([path, await rawStatus(url, path)]).toEqual([path, 404]);
  }
});

test("requests with the name of another site are refused, and so are methods that change something", async () => {
  const root = temporaryFolder();
  writeRunFolder(join(root, "run"));
  const { url, get } = await dashboard(root);
  expect(await rawStatus(url, "/api/runs", { host: "evil.example" })).toBe(403);
  expect(await rawStatus(url, "/api/runs", { host: "evil.example:8081" })).toBe(403);
  expect(await rawStatus(url, "/api/runs", { host: "localhost:1234" })).toBe(200);
  expect((await get("/api/runs")).headers.get("access-control-allow-origin")).toBeNull();
  expect((await get("/")).headers.get("content-security-policy")).toMatch("default-src 'self'");
  expect(await rawStatus(url, "/api/runs", {}, "POST")).toBe(404);
  const other = await dashboard(root, { host: "127.0.0.2" });
  expect((await other.get("/api/runs")).status).toBe(200);
  expect(await rawStatus(other.url, "/api/runs", { host: "evil.example" })).toBe(403);
});

test("changes are sent as they happen, and the end of the server ends the connections", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "first"));
  const server = await dashboard(root);
  const events = eventsOf(await server.get("/api/events"));
  expect((await events.next()).value).toMatchObject({ event: "listing", data: { runs: [{ id: "first" }] } });
  appendEpoch(run, 2);
  expect((await next(events)).runs).toMatchObject([{ id: "first", epochsDone: 3 }]);
  // The folder is moved into place, so that the run appears complete.
  writeRunFolder(join(root, ".second"));
  renameSync(join(root, ".second"), join(root, "second"));
  expect((await next(events)).runs).toMatchObject([{ id: "second" }]);
  rmSync(run.path, { recursive: true });
  expect((await next(events)).removed).toEqual(["first"]);
  mkdirSync(join(root, "compared"));
  writeFileSync(join(root, "compared/comparison.json"), '{"schema":1}');
  expect((await next(events)).reports).toMatchObject([{ id: "compared", kind: "comparison" }]);
  expect(await server.json("/api/report?kind=comparison&id=compared")).toEqual({ schema: 1 });
  await server.close();
  await expect(events.next()).resolves.toMatchObject({ done: true });
});

test("a missing folder, a page that was not built and a port in use are reported", async () => {
  const root = temporaryFolder();
  await expect(startDashboard(join(root, "none"))).rejects.toThrow(error("ERR_DASHBOARD", /no folder/));
  writeFileSync(join(root, "file"), "");
  await expect(startDashboard(join(root, "file/x"))).rejects.toThrow(error("ERR_DASHBOARD", /no folder/));
  await expect(startDashboard(root, { page: root })).rejects.toThrow(error("ERR_DASHBOARD", /npm run build/));
  const { url } = await dashboard(root);
  const port = Number(new URL(url).port);
  const taken = startDashboard(root, { port, page: pageFolder() });
  await expect(taken).rejects.toThrow(error("ERR_SERVE", /dashboard: .*another program/));
});

function rawStatus(url: string, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on("error", reject)
      .end();
  });
}

interface SentEvent {
  readonly event: string;
  readonly data: unknown;
}

async function* eventsOf(response: Response): AsyncGenerator<SentEvent> {
  let text = "";
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split("\n")
            .map((line) => /^(\w*): ?(.*)$/.exec(line)!.slice(1)),
        );
        text = text.slice(end + 2);
        if (fields.event !== undefined) yield { event: fields.event, data: JSON.parse(fields.data) };
      }
    }
  } catch {
    // The connection was closed.
  }
}

/** The next change that is not empty. */
const next = async (events: AsyncGenerator<SentEvent>): Promise<Change> => (await events.next()).value.data;

test("refuses a port that is none", async () => {
  await expect(startDashboard(temporaryFolder(), { port: 99_999 })).rejects.toThrow(
    error("ERR_SERVE", /^dashboard: `port` must be a whole number from 0 to 65535; got 99999$/),
  );
});
