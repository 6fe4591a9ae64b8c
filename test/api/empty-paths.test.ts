/** An empty path is refused by every call that reads or writes a folder: it would be the current folder. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compare } from "../../src/api/compare/compare.js";
import { evaluateSuite } from "../../src/api/evaluation/suite.js";
import { exportWeb } from "../../src/api/export/export-web.js";
import { openRun } from "../../src/api/open-run.js";
import { report } from "../../src/api/report/report.js";
import { train } from "../../src/api/training/train.js";
import { getRemoteSet, REMOTE_SETS } from "../../src/data/datasets/remote-sets.js";
import { checkData } from "../../src/data/inspection/check.js";
import { writeStylizedSet } from "../../src/data/writing/write-stylized-set.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { picture, writePicture } from "../support/photos.js";

const RECIPE = { model: "resnet8", method: "vanilla", data: { path: "shapes" } } as const;
const CALLS: readonly (readonly [name: string, option: string, call: () => Promise<unknown>])[] = [
  ["train", "run", () => train(RECIPE, { run: "" })],
  ["train, to resume", "run", () => train({}, { run: "", resume: true })],
  ["train on images", "data", () => train({ ...RECIPE, data: { path: "" } }, { run: "unused" })],
  ["openRun", "run", async () => openRun("")],
  ["checkData", "data", () => checkData("")],
  ["report", "run", () => report([""], { to: "report.html" })],
  ["evaluateSuite", "to", () => evaluateSuite(["model.onnx"], { to: "" })],
  ["compare", "to", () => compare({ common: RECIPE, arms: { a: {}, b: { method: "advprop" } } }, { to: "" })],
  ["exportWeb", "to", () => exportWeb(["weights.safetensors"], "")],
  ["getRemoteSet", "to", () => getRemoteSet(REMOTE_SETS.cifar10, { to: "", base: "http://127.0.0.1:1/" })],
];

test.each(CALLS)("%s: an empty %s", async (_name, option, call) => {
  const before = readdirSync(".");
  const error = await codedRejection(call());
  expect(error).toMatchObject({ code: "ERR_PATH", exitCode: 2 });
  expect(error.message).toContain(`\`${option}\` must be a path; got an empty text`);
  expect(readdirSync(".")).toEqual(before);
});

test("a set that is written: an empty `to`", async () => {
  const photos = temporaryFolder();
  for (const name of ["a", "b"]) {
    mkdirSync(join(photos, name));
    await writePicture(join(photos, name, "1.jpg"), picture(1));
  }
  const error = await codedRejection(writeStylizedSet(photos, { to: "", part: "test", seed: 0 }));
  expect(error.message).toContain("`to` must be a path");
});
