import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { environment } from "../../src/runs/environment.js";
import { defaultRunPath, RunDirectory, writeJson } from "../../src/runs/run-directory.js";
import { RUN_SCHEMA, type RunInfo } from "../../src/runs/schema.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";

const info: RunInfo = {
  schema: RUN_SCHEMA,
  version: "0.1.0",
  command: ["advprop", "train"],
  createdAt: "2026-01-02T03:04:05.000Z",
  resumedAt: [],
  status: "running",
  data: { name: "noise", classes: ["a"], trainingImages: 1, validationImages: 0 },
};

test("a list of numbers is one line of a JSON file, and no value changes", () => {
  const path = join(temporaryFolder(), "value.json");
  const value = {
    matrix: [[1, -2.5, 3e-7], [0]],
    empty: [],
    text: ["[\n1\n]", "a"],
    mixed: [1, null, "2"],
    deep: [{ a: [1, 2] }],
  };
  writeJson(path, value);
  const written = readFileSync(path, "utf8");
  expect(JSON.parse(written)).toEqual(value);
  expect(written).toContain('"matrix": [\n    [1, -2.5, 3e-7],\n    [0]\n  ],');
});

describe("RunDirectory", () => {
  test("makes a run in a new or an empty folder", () => {
    const folder = temporaryFolder();
    for (const path of [folder, join(folder, "deep", "run")]) {
      const run = RunDirectory.create(path);
      expect(readdirSync(path).sort()).toEqual(["checkpoints", "evaluation", "images"]);
      expect(run.metrics.path).toBe(join(path, "metrics.jsonl"));
      expect(run.checkpoint("last")).toEqual({
        weights: join(path, "checkpoints", "last.safetensors"),
        state: join(path, "checkpoints", "last.json"),
        previous: join(path, "checkpoints", "previous.safetensors"),
      });
      expect(run.checkpoint(1200).weights).toBe(join(path, "checkpoints", "step-00001200.safetensors"));
    }
  });

  test("refuses to start in the folder of a run, suggests two solutions, and changes nothing", () => {
    const path = temporaryFolder();
    RunDirectory.create(path).writeInfo(info);
    const error = codedError(() => RunDirectory.create(path));
    expect(error).toMatchObject({ code: "ERR_RUN_EXISTS", exitCode: 2 });
    expect(error.message).toContain("`resume`");
    expect(error.message).toContain("`run`");
    expect(RunDirectory.open(path).readInfo()).toEqual(info);
  });

  test("refuses a folder with other files, and does not suggest to resume it", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "thesis.tex"), "");
    const error = codedError(() => RunDirectory.create(folder));
    expect(error.code).toBe("ERR_RUN_EXISTS");
    expect(error.message).not.toContain("`resume`");
    expect(readdirSync(folder)).toEqual(["thesis.tex"]);
    expect(codedError(() => RunDirectory.create(join(folder, "thesis.tex"))).message).toContain("is a file");
  });

  test("opens and resumes only runs of this schema", () => {
    const folder = temporaryFolder();
    expect(codedError(() => RunDirectory.open(folder)).code).toBe("ERR_RUN_MISSING");
    expect(codedError(() => RunDirectory.resume(join(folder, "absent"))).message).toContain("leave out `resume`");
    for (const text of ['{"schema":2}', "[]", "null", '{"schema":']) {
      writeFileSync(join(folder, "run.json"), text);
      expect(codedError(() => RunDirectory.open(folder)).code).toBe("ERR_RUN_SCHEMA");
    }
  });

  test("the lock removes temporary files; opening does not", () => {
    const path = temporaryFolder();
    const run = RunDirectory.create(path);
    run.writeInfo(info);
    const half = join(run.checkpoints, ".last.safetensors.123.tmp");
    writeFileSync(half, "");
    RunDirectory.open(path);
    expect(existsSync(half)).toBe(true);
    const resumed = RunDirectory.resume(path);
    expect(existsSync(half)).toBe(true);
    resumed.lock();
    expect(existsSync(half)).toBe(false);
  });

  test("is not locked after its folders could not be prepared", () => {
    const run = RunDirectory.create(join(temporaryFolder(), "run"));
    rmSync(run.images, { recursive: true });
    writeFileSync(run.images, "no folder");
    expect(codedError(() => run.lock()).code).toBe("ERR_WRITE");
    rmSync(run.images);
    run.lock()();
  });

  test("a run without its checkpoints or its recipe is refused; pictures can be missing", () => {
    const path = temporaryFolder();
    const run = RunDirectory.create(path);
    run.writeInfo(info);
    expect(codedError(() => run.recipeText()).message).toContain("recipe.yaml cannot be read");
    rmSync(run.images, { recursive: true });
    RunDirectory.resume(path).lock()();
    expect(existsSync(run.images)).toBe(true);
    rmSync(run.checkpoints, { recursive: true });
    const { code, message } = codedError(() => RunDirectory.resume(path));
    expect(code).toBe("ERR_RUN_MISSING");
    expect(message).toContain(`${run.checkpoints}, which holds the weights, is missing`);
    RunDirectory.open(path);
  });

  test("writes run.json for people to read", () => {
    const run = RunDirectory.create(join(temporaryFolder(), "run"));
    run.writeInfo(info);
    expect(readFileSync(run.info, "utf8")).toMatch(/^\{\n {2}"schema": 1,\n/);
  });

  test("names the folder that cannot be made", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    const error = codedError(() => RunDirectory.create(join(folder, "file", "run")));
    expect(error.code).toBe("ERR_WRITE");
    expect(error.message).toContain("A part of that path is a file");
  });
});

test("defaultRunPath names method, model and local time", () => {
  const now = new Date(2026, 0, 2, 3, 4, 5);
  expect(defaultRunPath("advprop", "resnet20", now)).toBe(join("runs", "advprop-resnet20-20260102-030405"));
});

test("environment describes the machine and includes the caller's fields", () => {
  const found = environment({ torch: "1.13.1" });
  expect(found).toMatchObject({ node: process.versions.node, torch: "1.13.1" });
  expect(found.cores).toBeGreaterThan(0);
  expect(found.memoryBytes).toBeGreaterThan(2 ** 20);
  expect(JSON.parse(JSON.stringify(found))).toEqual(found);
});
