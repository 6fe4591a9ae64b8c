/** The photos of an evaluation: never those that the run was trained on, unless the user wants them. */
import { cpSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { type EvaluationDataOptions, openEvaluationData, usedBy } from "../../src/api/evaluation/data.js";
import type { SavedSplit } from "../../src/data/folders/photo-split.js";
import { openData } from "../../src/data/open-data.js";
import { formatUsedPhotos } from "../../src/data/photos/used-photos.js";
import { RunDirectory, savedSplit, writeJson } from "../../src/runs/run-directory.js";
import { RUN_SCHEMA } from "../../src/runs/schema.js";
import { writeCifar10 } from "../support/cifar.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { picture, writeClasses, writePicture } from "../support/photos.js";

const photos = join(sharedTemporaryFolder(), "photos");
await writeClasses(photos, { cat: 12, dog: 12 });
/** A photo that is not among them. */
const extra = join(sharedTemporaryFolder(), "extra.jpg");
await writePicture(extra, picture(900));

/** A run that was trained on the photos: its folder, and how many it kept for the test. */
async function trainedRun(): Promise<{ run: string; tests: number }> {
  const options = { seed: 3, augmentation: { crop: 0, flip: false }, workers: 1, testFraction: 0.3 };
  const images = await openData(photos, { ...options, parts: ["train", "validation", "test"] });
  const { split, test: kept, photos: used, close } = images;
  const run = RunDirectory.create(join(temporaryFolder(), "run"));
  const data = { name: "photos", classes: ["cat", "dog"], trainingImages: 1, validationImages: 1 };
  const command = ["advprop", "train"];
  run.writeInfo({ schema: RUN_SCHEMA, version: "0", command, createdAt: "", resumedAt: [], status: "finished", data });
  writeFileSync(run.recipe, `data:\n  path: ${photos}\n`);
  writeJson(run.split, split);
  writeFileSync(run.photos, formatUsedPhotos(used!));
  await close();
  return { run: run.path, tests: kept!.length };
}

async function opened(options: Partial<EvaluationDataOptions>) {
  const view = { cropFraction: 0.5, interpolation: "bilinear" } as const;
  const workers = options.data === "shapes" ? null : 1;
  const common = { imageSize: 16, view, cropFraction: undefined, workers, badImages: {}, limitTest: undefined };
  const none = { data: undefined, run: undefined, split: undefined };
  const data = await openEvaluationData({ ...common, ...none, ...options });
  await data.close();
  const { split, images, notes } = data;
  return { split, length: images.length, view: data.view, notes, used: usedBy(options.run, data) };
}

test("a run is evaluated on its own test photos, however the path of their folder is written", async () => {
  const { run, tests } = await trainedRun();
  expect(tests).toBeGreaterThan(0);
  expect(tests).toBeLessThan(24);
  for (const data of [undefined, photos, `${photos}/`, relative(process.cwd(), photos)]) {
    expect(await opened({ run, data })).toMatchObject({ split: "test", length: tests });
  }
  expect(await opened({ run, split: "all" })).toMatchObject({ split: "all", length: 24 });
});

/** A changed copy of the photos in another folder. With a run, its recipe names this folder. */
function copied(change: (folder: string) => unknown = () => {}, run?: string): string {
  const folder = join(temporaryFolder(), "elsewhere");
  cpSync(photos, folder, { recursive: true });
  change(folder);
  if (run !== undefined) writeFileSync(RunDirectory.open(run).recipe, `data:\n  path: ${folder}\n`);
  return folder;
}

const removing = (files: readonly string[]) => (folder: string) => {
  for (const file of files) rmSync(join(folder, file));
};

const renaming = (files: readonly string[]) => (folder: string) => {
  for (const file of files) renameSync(join(folder, file), join(folder, `${file.slice(0, -4)}-old.jpg`));
};

describe("of a folder that was changed, exactly the run's test photos that are still there are measured", () => {
  const missing = (count: number, rest: string) =>
    `Missing in this folder, or changed: ${count} of the 24 photos of the run's split, ${rest}`;

  /** Opens the run's test images in its own folder, and in a copy, after the same change. */
  async function both(change: (folder: string, split: SavedSplit["parts"]) => void) {
    const { run, tests } = await trainedRun();
    const { parts } = savedSplit<SavedSplit>(run)!;
    const elsewhere = copied((folder) => change(folder, parts));
    const copy = await opened({ run, data: elsewhere });
    copied((folder) => change(folder, parts), run);
    const own = await opened({ run });
    expect(own).toEqual(copy);
    expect(own).toMatchObject({ split: "test", used: { trainedOn: 0, validatedOn: 0 } });
    return { ...own, tests };
  }

  test("a training photo was removed or renamed", async () => {
    const removed = await both((folder, { train }) => removing(train.slice(0, 1))(folder));
    expect(removed.length).toBe(removed.tests);
    expect(removed.notes).toEqual([missing(1, "none of them a test photo.")]);
    const renamed = await both((folder, { train }) => renaming(train.slice(0, 1))(folder));
    expect([renamed.length, renamed.notes]).toEqual([renamed.tests, []]);
  });

  test("all photos were renamed, and some removed", async () => {
    const renamed = await both((folder, { train, validation, test }) =>
      renaming([...train, ...validation, ...test])(folder),
    );
    expect([renamed.length, renamed.notes]).toEqual([renamed.tests, []]);
    const fewer = await both((folder, { train, validation, test }) => {
      renaming([...train.slice(1), ...validation, ...test.slice(1)])(folder);
      removing([train[0], test[0]])(folder);
    });
    expect(fewer.length).toBe(fewer.tests - 1);
    expect(fewer.notes).toEqual([missing(2, "1 of them test photos. Only the other test photos are used.")]);
  });

  test("a test photo was copied, and another got the contents of a new photo", async () => {
    const changed = await both((folder, { test: [first, second] }) => {
      cpSync(join(folder, first), join(folder, `${first.slice(0, -4)}-copy.jpg`));
      cpSync(extra, join(folder, second));
    });
    expect(changed.length).toBe(changed.tests - 1);
    expect(changed.notes).toContainEqual(missing(1, "1 of them test photos. Only the other test photos are used."));
  });

  test("without a record of contents, photos of the run's own folder are recognised by their names", async () => {
    const { run, tests } = await trainedRun();
    const { train } = savedSplit<SavedSplit>(run)!.parts;
    rmSync(RunDirectory.open(run).photos);
    const other = copied(removing(train.slice(0, 1)));
    expect(await opened({ run, data: other })).toMatchObject({ split: "all", length: 23 });
    copied(removing(train.slice(0, 1)), run);
    expect(await opened({ run })).toMatchObject({ split: "test", length: tests });
  });
});

test("a path that the run recorded, and that does not exist here, is refused with the flag for the new place", async () => {
  const { run, tests } = await trainedRun();
  writeFileSync(RunDirectory.open(run).recipe, "data:\n  path: p/photos\n");
  const refused = await codedRejection(opened({ run }));
  expect(refused.code).toBe("ERR_DATA_MISSING");
  expect(refused.message).toBe(
    `evaluate: the recipe of ${run} says that its images are in p/photos, which does not exist in ${process.cwd()}. ` +
      "Give the place where they are now: `data: PATH`. Or give the command in the folder in which the run was started.",
  );
  expect(await opened({ run, data: photos })).toMatchObject({ split: "test", length: tests });
  writeFileSync(RunDirectory.open(run).recipe, "data:\n  path: /nowhere/photos\n");
  const { message } = await codedRejection(opened({ run }));
  expect(message).toContain(
    "in /nowhere/photos, which does not exist. Give the place where they are now: `data: PATH`.",
  );
});

test("a run recognises its photos after they were moved or linked, or others were added", async () => {
  const { run, tests } = await trainedRun();
  const moved = copied();
  const link = join(temporaryFolder(), "link");
  symlinkSync(moved, link);
  for (const data of [moved, link]) {
    expect(await opened({ run, data })).toMatchObject({
      split: "test",
      length: tests,
      used: { trainedOn: 0 },
      notes: [],
    });
  }
  const grown = copied((folder) => cpSync(join(photos, "cat/000.jpg"), join(folder, "dog/new.jpg")));
  for (const split of [undefined, "test"] as const) {
    const own = await opened({ run, data: grown, split });
    expect(own).toMatchObject({ split: "test", length: tests, used: { trainedOn: 0 } });
    expect(own.notes).toEqual([expect.stringContaining("The folder holds 1 photo more than when the run split it.")]);
  }
});

test("photos of the same names and other contents are not the run's", async () => {
  const { run } = await trainedRun();
  const other = join(temporaryFolder(), "photos");
  await writeClasses(other, { cat: 12, dog: 12 }, 700);
  expect(await opened({ run, data: other })).toMatchObject({ split: "all", length: 24, used: { trainedOn: 0 } });
});

test("images that a run was trained on are counted, and are in no new split", async () => {
  const { run, tests } = await trainedRun();
  const { train, validation } = savedSplit<SavedSplit>(run)!.parts;
  const known = { trainedOn: train.length, validatedOn: validation.length };
  expect(await opened({ run, split: "all" })).toMatchObject({ length: 24, used: known });
  // No test photo is left: the split cannot be used, but the contents of the others are recognised.
  const { test: tested } = savedSplit<SavedSplit>(run)!.parts;
  for (const folder of [copied(removing(tested)), copied(removing(tested), run)]) {
    const all = await opened({ run, data: folder });
    expect(all).toMatchObject({ split: "all", length: 24 - tests, used: known });
    const lost = `Missing in this folder, or changed: ${tests} of the 24 photos of the run's split`;
    expect(all.notes).toContainEqual(`${lost}, so it cannot be used: all photos are measured.`);
    const drawn = await opened({ run, data: folder, split: "test" }).catch((error: Error) => error);
    expect(drawn).toBeInstanceOf(Error);
    expect((drawn as Error).message).toContain("the run was trained or validated on them");
  }
  // Only test photos and new ones: all of them are new to the run.
  const fresh = copied((folder) => {
    removing([...train, ...validation])(folder);
    cpSync(extra, join(folder, "cat/new.jpg"));
  });
  expect(await opened({ run, data: fresh })).toMatchObject({ split: "all", length: tests + 1, used: { trainedOn: 0 } });
  // The folder of its training photos, in a data set with splits.
  const parts = temporaryFolder();
  cpSync(photos, join(parts, "train"), { recursive: true });
  const inside = await opened({ run, data: join(parts, "train"), split: "all" });
  expect(inside.used).toEqual(known);
});

test("photos that cannot be read are refused by name, or skipped if the run's recipe skips them", async () => {
  const { run } = await trainedRun();
  const data = copied((folder) => truncateSync(join(folder, "cat/003.jpg"), 300));
  await expect(opened({ data })).rejects.toThrow("cat/003.jpg: it is a JPEG, truncated or damaged");
  await expect(opened({ data, badImages: { maxBad: 3 } })).rejects.toThrow("Add `data.onBadImage: skip`");
  expect((await opened({ data, badImages: { onBadImage: "skip" } })).length).toBe(23);
  await expect(opened({ data, badImages: { onBadImage: "skip", maxBad: 0 } })).rejects.toThrow(
    "at most 0 may be skipped",
  );
  writeFileSync(RunDirectory.open(run).recipe, `data:\n  path: ${photos}\n  onBadImage: skip\n`);
  expect((await opened({ run, data, split: "all" })).length).toBe(23);
  await expect(opened({ run, data, split: "all", badImages: { onBadImage: "fail" } })).rejects.toThrow("cat/003.jpg");
});

test("a model that is not a run: a note says that it may have been trained on the photos, unless they have parts", async () => {
  const unknown = expect.stringMatching(
    /^Only a run knows which photos it was trained on\. .*give a folder of test photos, or/,
  );
  for (const split of [undefined, "all", "test"] as const) {
    expect((await opened({ data: photos, split })).notes).toContainEqual(unknown);
  }
  const { run } = await trainedRun();
  expect((await opened({ run, split: "all" })).notes).not.toContainEqual(unknown);
  const data = temporaryFolder();
  cpSync(photos, join(data, "test"), { recursive: true });
  expect((await opened({ data })).notes).toEqual([]);
  expect((await opened({ data: "shapes", imageSize: 32 })).notes).toEqual([]);
});

test("other photos without splits are all evaluated, or split if a split is given", async () => {
  expect(await opened({ data: photos })).toMatchObject({ split: "all", length: 24, view: { cropFraction: 0.5 } });
  expect(await opened({ data: photos, limitTest: 10 })).toMatchObject({ split: "all", length: 10 });
  expect((await opened({ data: photos, split: "test", cropFraction: 1 })).view).toMatchObject({ cropFraction: 1 });
  expect((await opened({ data: photos, split: "validation" })).length).toBeLessThan(12);
});

test("a limit applies to every split, for photos and for images in memory", async () => {
  const data = temporaryFolder();
  for (const part of ["train", "val", "test"]) cpSync(photos, join(data, part), { recursive: true });
  for (const split of ["validation", "test"] as const) {
    expect(await opened({ data, split, limitTest: 10 })).toMatchObject({ split, length: 10 });
    expect(await opened({ data: "shapes", imageSize: 32, split, limitTest: 10 })).toMatchObject({ split, length: 10 });
  }
  expect((await opened({ data: photos, split: "validation", limitTest: 2 })).length).toBe(2);
});

test("runs of different seeds are limited to the same photos of a split", async () => {
  const data = temporaryFolder();
  for (const part of ["train", "val", "test"]) cpSync(photos, join(data, part), { recursive: true });
  const files = async (seed: number, part: "validation" | "test") => {
    const limits = { limitTest: 5, limitValidation: 5 };
    const options = {
      seed,
      augmentation: { crop: 0, flip: false },
      workers: 1,
      imageSize: 16,
      parts: [part],
      ...limits,
    };
    const open = await openData(data, options);
    const found: string[] = [];
    for await (const { samples } of open[part]!.batches(5)) {
      for (const sample of samples) found.push(open[part]!.fileOf!(sample));
    }
    await open.close();
    return found;
  };
  for (const part of ["validation", "test"] as const) {
    const first = await files(1, part);
    expect(first.length).toBe(5);
    for (const seed of [2, 3, 4]) expect(await files(seed, part)).toEqual(first);
  }
});

test("the splits of a folder are chosen by name", async () => {
  const data = temporaryFolder();
  cpSync(photos, join(data, "val"), { recursive: true });
  expect(await opened({ data, split: "validation" })).toMatchObject({ split: "validation", length: 24 });
  await expect(opened({ data })).rejects.toThrow("has no folder test, only validation");
  await expect(opened({ data, split: "all" })).rejects.toThrow("has no folder test");
});

test("options for photos are refused for images in memory, all in one message, and a null is no option", async () => {
  const cifar = temporaryFolder();
  writeCifar10(cifar, Buffer.alloc(3 * 3073));
  for (const data of ["shapes", cifar]) {
    const refused = async (options: Partial<EvaluationDataOptions>) => {
      const error = await codedRejection(opened({ data, imageSize: 32, workers: null, ...options }));
      expect(error.code).toBe("ERR_FLAG");
      return error.message;
    };
    expect(await refused({ workers: 2 })).toContain(
      `\`data.workers\` has no effect on the images of ${data}, which are`,
    );
    expect(await refused({ cropFraction: 0.5, badImages: { onBadImage: "skip", maxBad: 3 } })).toContain(
      "evaluate: `cropFraction`, `data.onBadImage`, `data.maxBad` have no effect",
    );
    // Without photos, skipping them is no remedy for a number of skipped ones.
    expect(await refused({ badImages: { maxBad: 3 } })).toContain("`data.maxBad` has no effect");
    expect((await opened({ data, imageSize: 32, workers: null, limitTest: 2 })).length).toBe(2);
  }
});

test("images in memory are not cropped, and have no split all", async () => {
  expect(await opened({ data: "shapes", imageSize: 32 })).toMatchObject({ split: "test", view: undefined });
  await expect(opened({ data: "shapes", imageSize: 32, split: "all" })).rejects.toThrow("is not a folder of photos");
  await expect(opened({})).rejects.toThrow("the data path is missing");
});
