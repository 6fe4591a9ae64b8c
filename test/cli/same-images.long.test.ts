/** A run can only be resumed with the images that it began with. */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Recipe } from "../../src/recipes/schema.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";
import { resume, train } from "../support/runs.js";

const photos = sharedTemporaryFolder();
await writeClasses(photos, { cat: 16, dog: 16 });
const more = sharedTemporaryFolder();
await writeClasses(more, { aardvark: 4 }, 1000);

/** Stops after each update. */
const RECIPE: Recipe = {
  model: "resnet8",
  method: "vanilla",
  threads: 1,
  training: { epochs: 2, batchSize: 8, timeBudgetHours: 1e-9 },
};
const ofPhotos = (path: string): Recipe => ({ ...RECIPE, data: { path, imageSize: 16, workers: 1 } });

async function refused(run: string): Promise<string> {
  const before = readFileSync(join(run, "run.json"), "utf8");
  const error = await codedRejection(resume(run));
  expect(error).toMatchObject({ code: "ERR_DATA_CHANGED", exitCode: 2 });
  expect(readFileSync(join(run, "run.json"), "utf8")).toBe(before);
  return error.message;
}

test("added, removed and changed photos are named", async () => {
  const [folder, run] = [temporaryFolder(), join(temporaryFolder(), "run")];
  const cat = (name: string) => join(folder, "train", "cat", name);
  cpSync(photos, join(folder, "train"), { recursive: true });
  expect(await train(run, ofPhotos(folder))).toContain("stopped after step 1");

  cpSync(join(more, "aardvark", "000.jpg"), cat("new.jpg"));
  let message = await refused(run);
  expect(message).toContain("added photos: 1 (train/cat/new.jpg)");
  expect(message).toContain("there were 32 training images, and there are 33");

  renameSync(cat("new.jpg"), cat("000.jpg"));
  message = await refused(run);
  expect(message).toContain("changed photos: 1 (train/cat/000.jpg)");

  renameSync(cat("000.jpg"), cat("zzz.jpg"));
  expect(await refused(run)).toContain("removed photos: 1 (train/cat/000.jpg)");
  rmSync(cat("zzz.jpg"));
  cpSync(join(photos, "cat", "000.jpg"), cat("000.jpg"));

  renameSync(join(folder, "train", "dog"), join(folder, "train", "wolf"));
  message = await refused(run);
  expect(message).toContain("removed classes: 1 (dog); new classes: 1 (wolf)");
  renameSync(join(folder, "train", "wolf"), join(folder, "train", "dog"));
  expect(await resume(run)).toContain("Resuming after step 1");
});

test("photos that were added to a folder after the split do not change the training", async () => {
  const weights = async (path: string, between: () => void): Promise<unknown> => {
    const run = join(temporaryFolder(), "run");
    await train(run, ofPhotos(path));
    between();
    while ((await resume(run)).includes("The time budget is used up"));
    const { tensors, state } = readCheckpoint(join(run, "checkpoints", "last.safetensors"));
    expect(state.step).toBeGreaterThan(3);
    return Array.from(tensors, ([name, { data }]) => [name, Buffer.from(data).toString("base64")]);
  };
  const folder = temporaryFolder();
  cpSync(photos, folder, { recursive: true });
  const expected = await weights(folder, () => {});
  // Its name is the first in the sorted order.
  const grown = await weights(folder, () => cpSync(join(more, "aardvark", "000.jpg"), join(folder, "cat", "0.jpg")));
  expect(grown).toEqual(expected);
});

test("a single changed pixel of images in memory is noticed", async () => {
  const data = temporaryFolder();
  const records = (first: number) =>
    Buffer.concat(
      Array.from({ length: 32 }, (_, i) =>
        cifarRecord([i % 10], (row, column) => (i === 0 ? first : row * column + i) % 256),
      ),
    );
  writeCifar10(data, records(3));
  const run = join(temporaryFolder(), "run");
  await train(run, { ...RECIPE, data: { path: data, limitTrain: 32 } });
  expect(RunDirectory.open(run).readInfo().data.digest).toMatch(/^[0-9a-f]{64}$/);
  writeCifar10(data, records(4));
  expect(await refused(run)).toContain("their pixels or labels differ");
  writeCifar10(data, records(3));
  expect(await resume(run)).toContain("Resuming after step 1");
});

test("other images of shapes are noticed", async () => {
  const run = join(temporaryFolder(), "run");
  const shapes = { images: 32, validationImages: 10, testImages: 10, seed: 0 };
  await train(run, { ...RECIPE, data: { path: "shapes", shapes } });
  const recipe = join(run, "recipe.yaml");
  const text = readFileSync(recipe, "utf8");
  writeFileSync(recipe, text.replace(/(textureCorrelation: \S+\n\s+seed:) 0/, "$1 1"));
  expect(readFileSync(recipe, "utf8")).not.toBe(text);
  expect(await refused(run)).toContain("their pixels or labels differ");
});

test("a run that recorded nothing is resumed with a note, unless the numbers differ", async () => {
  const [folder, run] = [temporaryFolder(), join(temporaryFolder(), "run")];
  cpSync(photos, join(folder, "train"), { recursive: true });
  await train(run, ofPhotos(folder));
  rmSync(join(run, "photos.txt"));
  expect(await resume(run)).toContain("Note: the run was made by an earlier version and does not record its images");
  cpSync(join(more, "aardvark", "000.jpg"), join(folder, "train", "cat", "new.jpg"));
  expect(await refused(run)).toContain("there were 32 training images, and there are 33");
});
