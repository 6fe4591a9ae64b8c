/** Sets that are written from a run's photos: its own test photos, and a warning about photos that it was trained on. */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { evaluateSuite } from "../../src/api/evaluation/suite.js";
import { runPhotos } from "../../src/api/run-photos.js";
import { train } from "../../src/api/training/train.js";
import { writeCorruptedSet } from "../../src/corruptions/sets/write-set.js";
import { openCorruptedSet } from "../../src/data/corrupted-set.js";
import type { SavedSplit } from "../../src/data/folders/photo-split.js";
import { readUsedPhotos } from "../../src/data/photos/used-photos.js";
import { openSourceImages } from "../../src/data/writing/source-images.js";
import { writeStylizedSet } from "../../src/data/writing/write-stylized-set.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory, savedSplit } from "../../src/runs/run-directory.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const shared = sharedTemporaryFolder();
const photos = join(shared, "photos");
const run = join(shared, "run");
const recipe = (path: string): Recipe => ({
  model: "resnet8",
  method: "vanilla",
  threads: 1,
  data: { path, imageSize: 16, workers: 1 },
  training: { epochs: 1, batchSize: 8, timeBudgetHours: 1e-9 },
});
let parts: SavedSplit["parts"];

beforeAll(async () => {
  await writeClasses(photos, { cat: 14, dog: 14 });
  await train(recipe(photos), { run });
  parts = savedSplit<SavedSplit>(run)!.parts;
  expect(parts.test.length).toBeGreaterThan(2);
});

/** Writes one corruption of the images at one severity. */
async function corrupted(source: { path: string; part: "test" | "train" | "validation"; only?: ReadonlySet<string> }) {
  const to = join(temporaryFolder(), "set-c");
  const images = await openSourceImages(source.path, { ...source, seed: 0 });
  await writeCorruptedSet(images, { to, corruptions: ["contrast"], severities: [3], seed: 0, workers: 1 });
  return to;
}

async function suiteOf(data: string) {
  const to = join(temporaryFolder(), "report");
  const { result } = await evaluateSuite([run], { data, to, threads: 1, workers: 1 });
  return { result, text: readFileSync(join(to, "report.md"), "utf8") };
}

describe("a corrupted set", () => {
  test("of all photos of a folder: the report says how many the run was trained on, and how to avoid it", async () => {
    const { result, text } = await suiteOf(await corrupted({ path: photos, part: "test" }));
    expect(result.data.images).toBe(28);
    const [remark, ...others] = result.remarks;
    expect(others).toEqual([]);
    expect(remark).toContain(`run: Warning: the run was trained on ${parts.train.length} of these 28 images`);
    expect(remark).toContain("To corrupt only its own test photos: advprop corrupt `run: RUN` `to: DIR`.");
    expect(text).toContain(`trained on ${parts.train.length} of these 28 images`);
  });

  test("is refused by `evaluate`, which names the function that takes it", async () => {
    const data = await corrupted({ path: photos, part: "test" });
    const error = await codedRejection(evaluate(run, { data, threads: 1 }));
    expect(error).toMatchObject({ code: "ERR_DATA_LAYOUT", exitCode: 2 });
    expect(error.message).toContain("or evaluateSuite of the library");
  });

  test("of a run has only its test photos, which it was not trained on", async () => {
    const source = await runPhotos(run);
    expect(source).toEqual({ path: photos, part: "test", only: new Set(parts.test), notes: [] });
    const { result } = await suiteOf(await corrupted(source));
    expect([result.data.images, result.remarks]).toEqual([parts.test.length, []]);
  });

  test("knows its photos in both layouts, and no photos if it was published or is of images in memory", async () => {
    const keys = new Map(readUsedPhotos(RunDirectory.open(run).photos).map(({ file, key }) => [file, key]));
    const inOrder = [...keys.keys()].sort().map((file) => keys.get(file));
    const folders = await corrupted({ path: photos, part: "test" });
    expect(openCorruptedSet(folders)!.keys("contrast", 3)).toEqual(inOrder);
    const arrays = join(temporaryFolder(), "arrays");
    const images = await openSourceImages(photos, { part: "test", imageSize: 16, seed: 0 });
    await writeCorruptedSet(images, { to: arrays, layout: "cifar-c", corruptions: ["contrast"], seed: 0, workers: 1 });
    expect(openCorruptedSet(arrays)!.keys("contrast", 1)).toEqual(inOrder);
    // As a set of an earlier version, or a published one.
    rmSync(join(folders, "corruptions.json"));
    expect(openCorruptedSet(folders)!.keys("contrast", 3)).toBeUndefined();
    expect((await suiteOf(folders)).result.remarks).toEqual([]);
  });
});

describe("a set of re-textured photos", () => {
  test("is recognised by the photos that it was made from", async () => {
    const all = join(temporaryFolder(), "all");
    await writeStylizedSet(photos, { to: all, part: "test", seed: 0, workers: 1 });
    const known = { trainedOn: parts.train.length, validatedOn: parts.validation.length };
    expect(await evaluate(run, { data: all, threads: 1, workers: 1 })).toMatchObject({ count: 28, data: known });
    const own = join(temporaryFolder(), "own");
    const { path, notes: _, ...source } = await runPhotos(run);
    await writeStylizedSet(path, { to: own, ...source, seed: 0, workers: 1 });
    const none = { trainedOn: 0, validatedOn: 0 };
    expect(await evaluate(run, { data: own, threads: 1, workers: 1 })).toMatchObject({
      count: parts.test.length,
      data: none,
    });
    // Other photos would make it another set.
    const mixed = await codedRejection(writeStylizedSet(photos, { to: own, part: "test", seed: 0, workers: 1 }));
    expect(mixed.code).toBe("ERR_SET_EXISTS");
  });

  test("keeps the photos of a part when another part is added", async () => {
    const [data, to] = [temporaryFolder(), join(temporaryFolder(), "both")];
    for (const part of ["train", "test"]) cpSync(photos, join(data, part), { recursive: true });
    for (const part of ["test", "train"] as const) await writeStylizedSet(data, { to, part, seed: 0, workers: 1 });
    const names = Object.keys(JSON.parse(readFileSync(join(to, "stylized.json"), "utf8")).photos);
    expect(names).toHaveLength(56);
    expect(names).toEqual(expect.arrayContaining(["test/cat/000.jpg.png", "train/dog/013.jpg.png"]));
  });
});

describe("the photos of a run", () => {
  test("are found where its folder is now, by their contents; missing ones are named", async () => {
    const moved = join(temporaryFolder(), "moved");
    cpSync(photos, moved, { recursive: true });
    const [first, second, ...rest] = parts.test;
    rmSync(join(moved, first));
    renameSync(join(moved, second), join(moved, "cat/renamed.jpg"));
    expect(await runPhotos(run, { data: moved })).toEqual({
      path: moved,
      part: "test",
      only: new Set([...rest, "cat/renamed.jpg"]),
      notes: [
        "Missing in this folder, or changed: 1 of the 28 photos of the run's split, 1 of them test photos. Only the other test photos are used.",
      ],
    });
    const validation = await runPhotos(run, { data: moved, part: "validation" });
    expect(validation.only).toEqual(new Set(parts.validation));
  });

  test("are those of the folder's own part, if it has parts; images in memory are used as they are", async () => {
    const data = temporaryFolder();
    for (const part of ["train", "test"]) cpSync(photos, join(data, part), { recursive: true });
    expect(await runPhotos(run, { data })).toEqual({ path: data, part: "test", notes: [] });
  });

  test("are refused if there are none, or if the run has images of the built-in set", async () => {
    const other = temporaryFolder();
    await writeClasses(other, { cat: 3, dog: 3 }, 700);
    const none = await codedRejection(runPhotos(run, { data: other }));
    expect([none.code, none.message]).toEqual(["ERR_SPLIT", expect.stringContaining(`${other} has no test photos of`)]);
    const copy = join(temporaryFolder(), "run");
    cpSync(run, copy, { recursive: true });
    for (const [path, code] of [
      ["shapes", "ERR_DATA_LAYOUT"],
      ["nowhere", "ERR_DATA_MISSING"],
    ]) {
      writeFileSync(RunDirectory.open(copy).recipe, `data:\n  path: ${path}\n`);
      expect((await codedRejection(runPhotos(copy))).code).toBe(code);
    }
  });
});

test("corrupt and stylize take a run in place of a folder, or need one of them", () => {
  const to = join(temporaryFolder(), "set");
  const flags = ["--run", run, "--to", to, "--corruptions", "contrast", "--severities", "3", "--workers", "1"];
  const { status, stdout } = advprop(["corrupt", ...flags]);
  expect([status, stdout]).toEqual([0, expect.stringContaining(`${parts.test.length} images with 1 corruption`)]);
  const written = ["cat", "dog"].flatMap((name) =>
    readdirSync(join(to, "contrast/3", name)).map((file) => `${name}/${file}`),
  );
  expect(written.sort()).toEqual([...parts.test].sort());
  const textured = advprop(["stylize", "--run", run, "--to", `${to}-s`, "--workers", "1"]);
  expect(textured.stdout).toContain(`${parts.test.length} images of ${photos} with other textures`);
  for (const command of ["corrupt", "stylize"]) {
    const { status: refused, stderr } = advprop([command, "--to", `${to}-x`]);
    expect([refused, stderr]).toEqual([2, expect.stringContaining("--data PATH, or with --run DIR")]);
  }
});
