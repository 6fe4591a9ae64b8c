/** Which photos an evaluation sees: never those that the run was trained on, unless it is told to. */
import { cpSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { type EvaluationDataOptions, openEvaluationData } from "../../src/cli/evaluation-data.js";
import { openData } from "../../src/data/open-data.js";
import { RunDirectory, writeJson } from "../../src/runs/run-directory.js";
import { RUN_SCHEMA } from "../../src/runs/schema.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const photos = join(sharedTemporaryFolder(), "photos");
await writeClasses(photos, { cat: 12, dog: 12 });

/** A run that was trained on the photos: its folder, and how many it kept for the test. */
async function trainedRun(): Promise<{ run: string; tests: number }> {
  const options = { seed: 3, augmentation: { crop: 0, flip: false }, workers: 1, testFraction: 0.3 };
  const { split, test: kept, close } = await openData(photos, { ...options, parts: ["test"] });
  const run = RunDirectory.create(join(temporaryFolder(), "run"));
  const data = { name: "photos", classes: ["cat", "dog"], trainingImages: 1, validationImages: 1 };
  const command = ["advprop", "train"];
  run.writeInfo({ schema: RUN_SCHEMA, version: "0", command, createdAt: "", resumedAt: [], status: "finished", data });
  writeFileSync(run.recipe, `data:\n  path: ${photos}\n`);
  writeJson(run.split, split);
  await close();
  return { run: run.path, tests: kept!.length };
}

async function opened(options: Partial<EvaluationDataOptions>) {
  const view = { cropFraction: 0.5, interpolation: "bilinear" } as const;
  const common = { imageSize: 16, view, cropFraction: undefined, workers: 1, limitTest: undefined };
  const none = { data: undefined, run: undefined, split: undefined };
  const data = await openEvaluationData({ ...common, ...none, ...options });
  await data.close();
  return { split: data.split, length: data.images.length, view: data.view };
}

test("a run keeps to its own test photos, however their folder is written", async () => {
  const { run, tests } = await trainedRun();
  expect(tests).toBeGreaterThan(0);
  expect(tests).toBeLessThan(24);
  for (const data of [undefined, photos, `${photos}/`, relative(process.cwd(), photos)]) {
    expect(await opened({ run, data })).toMatchObject({ split: "test", length: tests });
  }
  expect(await opened({ run, split: "all" })).toMatchObject({ split: "all", length: 24 });
});

test("other photos without parts are evaluated as a whole, or divided where that is asked for", async () => {
  expect(await opened({ data: photos })).toMatchObject({ split: "all", length: 24, view: { cropFraction: 0.5 } });
  expect(await opened({ data: photos, limitTest: 10 })).toMatchObject({ split: "all", length: 10 });
  expect((await opened({ data: photos, split: "test", cropFraction: 1 })).view).toMatchObject({ cropFraction: 1 });
  expect((await opened({ data: photos, split: "validation" })).length).toBeLessThan(12);
});

test("the parts of a folder that has some are asked for by name", async () => {
  const data = temporaryFolder();
  cpSync(photos, join(data, "val"), { recursive: true });
  expect(await opened({ data, split: "validation" })).toMatchObject({ split: "validation", length: 24 });
  await expect(opened({ data })).rejects.toThrow("has no folder test, only validation");
  await expect(opened({ data, split: "all" })).rejects.toThrow("has no folder test");
});

test("images in memory are taken as they are, and have no part all", async () => {
  expect(await opened({ data: "shapes", imageSize: 32 })).toMatchObject({ split: "test", view: undefined });
  await expect(opened({ data: "shapes", imageSize: 32, split: "all" })).rejects.toThrow("is no folder of photos");
  await expect(opened({})).rejects.toThrow("the data must be given");
});
