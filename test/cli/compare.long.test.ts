/** `advprop compare` from the command line. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";

test("trains two methods on shapes, prints the table, and continues after a stop", () => {
  const to = join(temporaryFolder(), "out");
  const args = [
    ...[
      "compare",
      "--methods",
      "vanilla,advprop",
      "--data",
      "shapes",
      "--model",
      "resnet8",
      "--seeds",
      "2",
      "--suite-parts",
      "clean",
    ],
    ...["--set", "data.shapes.images=64", "--set", "data.shapes.testImages=40", "--epochs", "1", "--batch-size", "16"],
    ...["--threads", "1", "--to", to],
  ];
  const first = advprop(args);
  expect(first.stderr).toContain("Run 4 of 4: advprop, seed 1");
  expect(first.status).toBe(0);
  expect(first.stdout).toContain("Differences from vanilla");
  expect(JSON.parse(readFileSync(join(to, "comparison.json"), "utf8")).command.slice(0, 2)).toEqual([
    "advprop",
    "compare",
  ]);
  const again = advprop([...args, "--json"]);
  expect(again.stderr).toContain("already finished");
  expect(JSON.parse(again.stdout).arms).toHaveLength(2);
});

test("a training that its time budget ends is not measured, and the exit code says that something is left to do", () => {
  const folder = temporaryFolder();
  const file = join(folder, "arms.yaml");
  writeFileSync(
    file,
    "common: {model: resnet8, threads: 1, training: {epochs: 2, batchSize: 16},\n" +
      "  data: {path: shapes, shapes: {images: 32, validationImages: 0, testImages: 20}}}\n" +
      "arms: {a: {method: vanilla}, b: {method: vanilla, training: {timeBudgetHours: 1e-9}}}\n",
  );
  const args = ["compare", file, "--seeds", "1", "--suite-parts", "clean", "--to", join(folder, "out")];
  const results = Array.from({ length: 4 }, () => advprop(args));
  expect(results.map(({ status }) => status)).toEqual([1, 1, 1, 0]);
  for (const { stdout, stderr } of results.slice(0, 3)) {
    for (const text of [stdout, stderr])
      expect(text).toMatch(/Unfinished: .*b-seed-0: training.timeBudgetHours ended it/);
    expect(stdout).toContain("not measured");
    expect(stdout).toContain("compare again in the same folder");
  }
});

test.each([
  [["compare", "--data", "shapes"], "give a file with arms, or --methods A,B"],
  [["compare", "--methods", "vanilla", "--data", "shapes"], "at least two arms"],
  [["compare", "--methods", "vanilla,advprop", "--data", "shapes", "--folds", "2"], "--folds needs a folder of photos"],
  [["compare", "--methods", "vanilla,advprop", "--data", "shapes", "--budget", "money"], "--budget must be one of"],
  [["compare", "no.yaml"], "cannot be read"],
  [
    ["compare", "--methods", "vanilla,advprop", "--data", "shapes", "--checkpoint", "99"],
    "Give --checkpoint last, or keep it with --set training.keepEverySteps=99",
  ],
  [
    ["compare", "--methods", "vanilla,advprop", "--data", "shapes", "--workers", "2"],
    "--workers 2: data.workers has no",
  ],
])("%j", (args, message) => {
  const { status, stderr } = advprop(args);
  expect(stderr).toContain(message);
  expect(status).toBe(2);
});
