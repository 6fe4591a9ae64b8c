/** Messages about photos that cannot be read, from training to the printed evaluation. */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeEvaluation } from "../../src/cli/output/evaluation-text.js";
import { findingLines } from "../../src/data/inspection/findings.js";
import { describeParts } from "../../src/data/photos/photo-text.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { advprop } from "../support/cli.js";
import { temporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";
import { writeClasses } from "../support/photos.js";

const TRAIN = [
  "train",
  "--model",
  "resnet20",
  "--image-size",
  "32",
  "--batch-size",
  "8",
  "--epochs",
  "1",
  "--method",
  "vanilla",
  "--threads",
  "1",
];

test("train refuses such photos by name, or skips them; evaluate skips the same ones", async () => {
  const data = temporaryFolder();
  await writeClasses(join(data, "train"), { a: 10, b: 10 });
  await writeClasses(join(data, "test"), { a: 5, b: 5 }, 100);
  writeFileSync(join(data, "train/a/zero.jpg"), "");
  truncateSync(join(data, "test/b/003.jpg"), 300);
  const run = join(temporaryFolder(), "run");
  const refused = advprop([...TRAIN, "--data", data, "--run", run]);
  expect([refused.status, existsSync(run)]).toEqual([2, false]);
  // The recipe for photos, the default without a model, refuses them too.
  const byDefault = advprop(["train", "--data", data, "--run", run, "--quiet"]);
  expect([byDefault.status, byDefault.stderr]).toEqual([2, expect.stringContaining("  train/a/zero.jpg: it is empty")]);
  expect(refused.stderr).toContain(
    "  train/a/zero.jpg: it is empty\n  test/b/003.jpg: it is a JPEG, truncated or damaged",
  );

  const skipping = advprop([...TRAIN, "--data", data, "--run", run, "--json", "--on-bad-image", "skip"]);
  expect(skipping.status).toBe(0);
  expect(skipping.stderr).toContain("2 classes: a, b. Images: 20 to train on, 9 to test on.\nLeft out 2 photos that");
  const leftOut = [
    { file: "train/a/zero.jpg", reason: "it is empty" },
    { file: "test/b/003.jpg", reason: expect.stringContaining("it is a JPEG, truncated") },
  ];
  expect(JSON.parse(skipping.stdout).data).toMatchObject({
    classes: ["a", "b"],
    images: { train: 20, test: 9 },
    leftOut,
  });
  expect(readFileSync(join(run, "photos.txt"), "utf8").split("\n")).toHaveLength(30);

  const { status, stdout } = advprop(["evaluate", run, "--threads", "1", "--json", "--quiet"]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ count: 9, data: { leftOut: [leftOut[1]], trainedOn: 0 } });
});

test("an ONNX file is measured without the photos that are skipped", async () => {
  const data = temporaryFolder();
  await writeClasses(data, { a: 5, b: 5 });
  writeFileSync(join(data, "a/zero.jpg"), "");
  const file = join(temporaryFolder(), "m.onnx");
  writeOnnx(file, {
    weights: [
      [1, 0, 0],
      [0, 1, 0],
    ],
  });
  const classes = join(temporaryFolder(), "classes.txt");
  writeFileSync(classes, "a\nb\n");
  const evaluate = ["evaluate", file, "--data", data, "--quiet", "--threads", "1", "--onnx", `classes=${classes}`];
  const settings = ["--onnx", "pixelRange=0-1"];
  const refused = advprop([...evaluate, ...settings]);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("  a/zero.jpg: it is empty\n")]);
  const { status, stdout } = advprop([...evaluate, ...settings, "--on-bad-image", "skip"]);
  expect(status).toBe(0);
  expect(stdout).toContain("on 10 images of");
  expect(stdout).toContain("  Left out 1 photo that cannot be read:\n    a/zero.jpg: it is empty\n");
});

describe("texts", () => {
  test("long lists of classes and findings are shortened, with a count", () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `c${i}`);
    expect(describeParts({ classes, sizes: { train: 9, test: 3 } })).toBe(
      "1000 classes: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 990 more. Images: 9 to train on, 3 to test on.",
    );
    const finding = {
      code: "few-images",
      severity: "warning",
      message: "few",
      files: [],
      remedy: "Add some.",
    } as const;
    expect(findingLines(new Array(12).fill(finding)).at(-1)).toContain("and 2 more of few-images");
  });

  test("an evaluation on photos that the run was trained on is marked", () => {
    const result = (data: Partial<EvaluationFile["data"]>) =>
      describeEvaluation({
        weights: "w",
        model: { kind: "advprop", access: "white-box" },
        route: "main",
        data: { name: "p", split: "all", ...data },
        protocol: { images: "i", classes: "c" },
        count: 200,
        perClass: [
          { name: "cat", count: 200, accuracy: 1 },
          { name: "dog", count: 0, accuracy: Number.NaN },
        ],
        balancedAccuracy: 1,
        accuracy: 1,
        loss: 0,
      } as unknown as EvaluationFile);
    expect(result({ trainedOn: 140, validatedOn: 30 })).toContain(
      "Warning: the run was trained on 140 of these 200 images",
    );
    expect(result({ trainedOn: 0, validatedOn: 30 })).toContain(
      "Warning: 30 of these 200 images are the run's validation",
    );
    expect(result({ trainedOn: 0, validatedOn: 30, split: "validation" })).not.toContain("Warning");
    expect(result({ trainedOn: 0, validatedOn: 0 })).not.toContain("Warning");
    expect(result({})).toContain("no images of dog; the means leave these classes out");
  });
});
