/** Runs and reports whose files cannot be read, because of their rights or otherwise. */
import { appendFileSync, chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FolderWatch } from "../../src/dashboard/reading/folder-watch.js";
import { metricsCsv } from "../../src/dashboard/reading/metrics-csv.js";
import type { Change } from "../../src/dashboard/wire.js";
import { temporaryFolder } from "../support/folders.js";
import { writeEvaluation, writeRunFolder } from "../support/run-folders.js";

const stateOf = (watch: FolderWatch, id: string) => watch.listing().runs.find((run) => run.id === id);

test("a run whose file or lock cannot be read is unreadable, with the reason; the others are listed", () => {
  const root = temporaryFolder();
  writeRunFolder(join(root, "whole"));
  const circle = writeRunFolder(join(root, "circle"));
  rmSync(circle.info);
  symlinkSync(circle.info, circle.info);
  const locked = writeRunFolder(join(root, "locked"), { status: "running" });
  mkdirSync(join(locked.path, "lock"));
  mkdirSync(join(root, "report"));
  symlinkSync("report.json", join(root, "report/report.json"));
  const { runs, reports } = new FolderWatch(root).listing();
  expect(runs.map(({ id, state, problem }) => [id, state, problem])).toEqual([
    ["circle", "unreadable", expect.stringMatching(/^run.json cannot be read: ELOOP/)],
    ["locked", "unreadable", expect.stringMatching(/EISDIR/)],
    ["whole", "finished", undefined],
  ]);
  expect(reports).toEqual([]);
});

test("a file in the place of the folder of evaluations means that there are none", () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "run"));
  rmSync(run.evaluation, { recursive: true, force: true });
  writeFileSync(run.evaluation, "");
  expect(stateOf(new FolderWatch(root), "run")).toMatchObject({ state: "finished", validation: 0.51 });
});

test.skipIf(process.getuid?.() === 0)("a run of another user is unreadable until its rights are given", async () => {
  const root = temporaryFolder();
  const { path } = writeRunFolder(join(root, "run"));
  chmodSync(path, 0o644);
  const watch = new FolderWatch(root);
  expect(stateOf(watch, "run")).toMatchObject({ state: "unreadable", problem: expect.stringMatching(/EACCES/) });
  chmodSync(path, 0o755);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(stateOf(watch, "run")).toMatchObject({ state: "finished" });
});

test("a run that becomes readable is announced, although no other file has changed", async () => {
  const root = temporaryFolder();
  const run = writeRunFolder(join(root, "run"), { status: "running" });
  writeEvaluation(run, { accuracy: 0.8 });
  const lock = join(run.path, "lock");
  mkdirSync(lock);
  const watch = new FolderWatch(root);
  expect(stateOf(watch, "run")).toMatchObject({ state: "unreadable" });
  const change = new Promise<Change>((resolve) => {
    const stop = watch.listen((one) => {
      stop();
      resolve(one);
    });
  });
  rmSync(lock, { recursive: true });
  expect((await change).runs).toMatchObject([{ id: "run", state: "crashed", clean: 0.8 }]);
});

test("CSV quotes the names of metrics", async () => {
  const run = writeRunFolder(join(temporaryFolder(), "run"), { epochs: 0 });
  appendFileSync(run.metrics.path, '{"type":"step","step":1,"epoch":0,"a \\"b\\", c":2}\n');
  let text = "";
  for await (const piece of metricsCsv([{ id: "run", path: run.metrics.path }], new Set())) text += piece;
  expect(text).toBe('run,metric,step,epoch,value\r\nrun,"step.a ""b"", c",1,0,2\r\n');
});
