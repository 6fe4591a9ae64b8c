/** The check of a folder of photos before a training: photos that are in several parts or classes. */
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TrainEvent } from "../../src/api/events.js";
import { checkDuplicates, checkPhotos } from "../../src/api/training/check-photos.js";
import { train } from "../../src/api/training/train.js";
import { PARTS } from "../../src/data/folders/image-folder.js";
import { quickCheckPhotos } from "../../src/data/photos/quick-check.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const photos = sharedTemporaryFolder();
await writeClasses(join(photos, "train"), { cat: 120, dog: 120 });
await writeClasses(join(photos, "test"), { cat: 60, dog: 60 }, 500);

/** The lines about duplicates in a copy of the photos after a change. */
async function linesAfter(change: (folder: string) => void): Promise<string[]> {
  const path = temporaryFolder();
  cpSync(photos, path, { recursive: true });
  change(path);
  const checked = (await checkPhotos(path))!;
  const used = PARTS.flatMap((part) => (checked.folder.parts[part] ?? []).map(({ file }) => ({ part, file })));
  const checks = await quickCheckPhotos(
    path,
    used.map(({ file }) => file),
  );
  return checkDuplicates(
    checked,
    used.map((photo, i) => ({ ...photo, key: checks[i].key! })),
  );
}

/** Copies the first photos of `train/cat` into another folder under other names. */
const copies = (count: number, target: string) => (folder: string) => {
  for (let i = 0; i < count; i++) {
    cpSync(join(folder, `train/cat/${String(i).padStart(3, "0")}.jpg`), join(folder, target, `copy-${i}.jpg`));
  }
};

test("a few photos in several parts or classes, as in large published sets, are a warning", async () => {
  expect(await linesAfter(() => {})).toEqual([]);
  expect(await linesAfter(copies(1, "test/cat"))).toEqual([
    "warning  the same file is in train and test: the network would be tested on images that it was trained on",
    "         train/cat/000.jpg, test/cat/copy-0.jpg",
    "         -> Keep it in one part.",
  ]);
  expect((await linesAfter(copies(1, "train/dog")))[0]).toBe("warning  the same file is in the classes cat and dog");
  // Twice in a class does not spoil anything.
  expect(await linesAfter(copies(5, "train/cat"))).toEqual([]);
});

test("more than 1 % of them are refused", async () => {
  for (const target of ["test/cat", "train/dog"]) {
    const { code, message } = await codedRejection(linesAfter(copies(2, target)));
    expect(code).toBe("ERR_DATA_CHECK");
    expect(message).toContain("have errors that would spoil the training:\nerror    the same file is in");
    expect(message).toContain(`train/cat/000.jpg, ${target}/copy-0.jpg`);
    expect(message).toContain("For the full check: advprop data check");
  }
});

const RECIPE: Recipe = {
  model: "resnet8",
  method: "vanilla",
  threads: 1,
  training: { epochs: 1, batchSize: 8, timeBudgetHours: 1e-9 },
};

test("train refuses a test part that is a copy of the training part, and one photo in two classes, before it begins", async () => {
  const small = temporaryFolder();
  await writeClasses(join(small, "train"), { cat: 10, dog: 10 });
  const undivided = join(small, "train");
  cpSync(undivided, join(small, "test"), { recursive: true });
  const run = join(temporaryFolder(), "run");
  const attempt = (path: string) => train({ ...RECIPE, data: { path, imageSize: 16, workers: 1 } }, { run });
  expect((await codedRejection(attempt(small))).message).toContain("the same file is in train and test");
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent) => void events.push(event);
  const data = { path: undivided, imageSize: 16, workers: 1 };
  await train({ ...RECIPE, data }, { run: join(temporaryFolder(), "fine"), onEvent });
  expect(events.some((event) => event.type === "note" && event.message.includes("the same file"))).toBe(false);
  cpSync(join(undivided, "cat/000.jpg"), join(undivided, "dog/confused.jpg"));
  const confused = await codedRejection(attempt(undivided));
  expect([confused.code, existsSync(run)]).toEqual(["ERR_DATA_CHECK", false]);
  expect(confused.message).toContain("the same file is in the classes cat and dog");
});

test("a run that began without such photos, or before this check, can be resumed", async () => {
  const data = temporaryFolder();
  for (const [part, seed] of [
    ["train", 0],
    ["test", 500],
  ] as const) {
    await writeClasses(join(data, part), { cat: 10, dog: 10 }, seed);
  }
  const run = join(temporaryFolder(), "run");
  await train({ ...RECIPE, data: { path: data, imageSize: 16, workers: 1 } }, { run });
  // The test photos of a run are not compared at a resume.
  copies(9, "test/cat")(data);
  expect(await train({}, { run, resume: true })).toMatchObject({ step: 2 });
});
