/** The settings that a resume may change: they take effect, and are printed and recorded. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { changedRecipe } from "../../src/api/training/resume-changes.js";
import { checkSameImages } from "../../src/api/training/same-images.js";
import { withResumeAdvice } from "../../src/cli/resume-advice.js";
import type { SavedSplit } from "../../src/data/folders/photo-split.js";
import type { OpenedData } from "../../src/data/opened-data.js";
import { RunError } from "../../src/errors.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import { RunDirectory, savedSplit } from "../../src/runs/run-directory.js";
import type { MetricsRecord } from "../../src/runs/schema.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { picture, writeClasses, writePicture } from "../support/photos.js";
import { resume, savedRecipe, train } from "../support/runs.js";

/** Two updates per epoch. */
const RECIPE: Recipe = {
  model: "resnet8",
  method: "vanilla",
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
  training: { epochs: 2, batchSize: 16, logEverySteps: 1 },
};

const rates = (path: string) =>
  readJsonLines<MetricsRecord>(join(path, "metrics.jsonl")).flatMap((record) =>
    record.type === "step" ? [record.learningRate] : [],
  );

describe("a run that has finished", () => {
  let path: string;
  const shared = sharedTemporaryFolder();
  beforeAll(async () => {
    path = join(shared, "run");
    await train(path, RECIPE);
  });

  test("is not changed if no epochs are left to train", async () => {
    const weights = () => readFileSync(join(path, "checkpoints", "last.safetensors"));
    const before = weights();
    for (const setting of ["optimizer.lr=0.01", "training.clipGradientNorm=5"]) {
      const error = await codedRejection(resume(path, setting));
      expect(error).toMatchObject({ code: "ERR_RESUME", exitCode: 2 });
      expect(error.message).toContain("give a larger `training.epochs`");
    }
    expect((await codedRejection(resume(path, "training.epochs=1"))).message).toContain("2 epochs are done; got 1");
    expect(weights()).toEqual(before);
    expect(RunDirectory.open(path).readInfo()).toMatchObject({ status: "finished", resumedAt: [] });
  });

  test("is extended by --epochs, with the schedule of the longer run, which is printed and recorded", async () => {
    const first = rates(path);
    const text = await resume(path, "training.epochs=4", "optimizer.lr=0.05");
    expect(text).toContain("Changed training.epochs from 2 to 4.");
    expect(text).toContain("Changed optimizer.lr from 0.1 to 0.05.");
    const now = rates(path);
    expect(now.length).toBe(8);
    expect(now.slice(0, 4)).toEqual(first);
    const whole = join(temporaryFolder(), "whole");
    await train(whole, { ...RECIPE, optimizer: { lr: 0.05 }, training: { ...RECIPE.training, epochs: 4 } });
    expect(now.slice(4)).toEqual(rates(whole).slice(4));
    expect(text).toContain(
      `now covers 4 epochs from the run's first step: the learning rate of the next step is ${+now[4].toPrecision(3)} instead of 0`,
    );
    expect(savedRecipe(path)).toMatchObject({ training: { epochs: 4 }, optimizer: { lr: 0.05 } });
    expect(RunDirectory.open(path).readInfo()).toMatchObject({
      status: "finished",
      changes: [
        {
          step: 4,
          settings: {
            "training.epochs": { before: 2, after: 4 },
            "optimizer.lr": { before: 0.1, after: 0.05 },
          },
        },
      ],
    });
  });
});

test("a run whose loss is not finite can be resumed with the command of its error message", async () => {
  const path = join(temporaryFolder(), "run");
  // Four updates per epoch: the second ruins the weights, the third fails.
  const shapes = { images: 64, validationImages: 10, testImages: 10 };
  const recipe = { ...RECIPE, data: { path: "shapes", shapes }, optimizer: { lr: 1e30 } };
  const failure = await codedRejection(train(path, recipe));
  expect(failure.code).toBe("ERR_NON_FINITE");
  expect(failure.message).toContain("There is no checkpoint yet");
  expect(failure.message).toContain(
    `Resume the run with: advprop train --run ${path} --resume --lr 3.3e+29, ` +
      `or advprop train --run ${path} --resume --set training.clipGradientNorm=5`,
  );
  const text = await resume(path, "optimizer.lr=0.01", "training.clipGradientNorm=5");
  expect(text).toContain("Changed training.clipGradientNorm from null to 5.");
  expect(RunDirectory.open(path).readInfo()).toMatchObject({ status: "finished" });
  expect(Math.max(...rates(path))).toBeLessThanOrEqual(0.01);
});

test("resuming a run that stopped early names the setting that lets it train on", async () => {
  const path = join(temporaryFolder(), "run");
  // The learning rate is nearly 0, so the validation accuracy never improves.
  const training = { ...RECIPE.training, epochs: 4, earlyStoppingEpochs: 1 };
  expect(await train(path, { ...RECIPE, optimizer: { lr: 1e-30 }, training })).toContain("Early stopping");
  const error = await codedRejection(resume(path, "training.epochs=6"));
  expect(error.message).toContain("`training.earlyStoppingEpochs: null`");
  await resume(path, "training.earlyStoppingEpochs=null");
  expect(readCheckpoint(join(path, "checkpoints", "last.safetensors")).state.step).toBe(8);
});

describe("a run whose images were moved", () => {
  const photos = sharedTemporaryFolder();
  /** Stops after each update. */
  const training = { epochs: 2, batchSize: 8, timeBudgetHours: 1e-9 };
  const began = async (folder: string): Promise<string> => {
    const run = join(temporaryFolder(), "run");
    await train(run, { ...RECIPE, data: { path: folder, imageSize: 16, workers: 1 }, training });
    return run;
  };
  beforeAll(() => writeClasses(photos, { cat: 10, dog: 10 }));

  test("continues with the new place, which is printed and recorded", async () => {
    const [old, now] = [join(temporaryFolder(), "photos"), join(temporaryFolder(), "moved")];
    cpSync(photos, old, { recursive: true });
    const run = await began(old);
    renameSync(old, now);
    const { code, message } = await codedRejection(resume(run));
    expect(code).toBe("ERR_DATA_MISSING");
    expect(message).toBe(
      `train: the recipe of ${run} says that its images are in ${old}, which does not exist. Give the place where they are now: ` +
        "`data.path: PATH`.",
    );
    const text = await resume(run, `data.path=${now}`);
    expect(text).toContain(`Changed data.path from ${old} to ${now}.`);
    expect(text).toContain("Resuming after step 1.");
    expect(savedRecipe(run).data?.path).toBe(now);
    expect(await resume(run)).toContain("Resuming after step 2.");
  });

  test("is refused with other images", async () => {
    const run = await began(photos);
    const others = temporaryFolder();
    cpSync(photos, others, { recursive: true });
    const [file] = savedSplit<SavedSplit>(run)!.parts.train;
    await writePicture(join(others, file), picture(900));
    const changed = await codedRejection(resume(run, `data.path=${others}`));
    expect(changed.code).toBe("ERR_DATA_CHANGED");
    expect(changed.message).toContain(`changed photos: 1 (${file})`);
    rmSync(join(others, file));
    expect((await codedRejection(resume(run, `data.path=${others}`))).code).toBe("ERR_DATA_SPLIT");
    expect((await codedRejection(resume(run, `data.path=${others}-missing`))).code).toBe("ERR_DATA_MISSING");
    expect(savedRecipe(run).data?.path).toBe(photos);
    expect(await resume(run)).toContain("Resuming after step 1.");
  });

  test("is compared with the pixels of a set in memory", async () => {
    const [cifar, copy, other] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    const records = (first: number) =>
      Buffer.concat(Array.from({ length: 16 }, (_, i) => cifarRecord([i % 10], (row) => (i === 0 ? first : row + i))));
    writeCifar10(cifar, records(3));
    writeCifar10(copy, records(3));
    writeCifar10(other, records(4));
    const run = join(temporaryFolder(), "run");
    await train(run, { ...RECIPE, data: { path: cifar, limitTrain: 16 }, training });
    const { message } = await codedRejection(resume(run, `data.path=${other}`));
    expect(message).toContain("their pixels or labels differ");
    expect(await resume(run, `data.path=${copy}`)).toContain("Resuming after step 1.");
  });

  test("photos do not take the place of a set in memory, nor the other way round", async () => {
    const run = await began(photos);
    const info = RunDirectory.open(run).readInfo();
    const { classes, trainingImages: images, validationImages } = info.data;
    const parts = { train: { length: images }, validation: { length: validationImages } };
    const inMemory = {
      name: "a set",
      classes,
      ...parts,
      photos: undefined,
      digest: () => "0",
    } as unknown as OpenedData;
    expect(codedError(() => checkSameImages(RunDirectory.open(run), inMemory)).message).toContain(
      "they were photos, and are a set in memory",
    );
    rmSync(RunDirectory.open(run).photos);
    RunDirectory.open(run).writeInfo({ ...info, data: { ...info.data, digest: "0" } });
    const asPhotos = { ...inMemory, photos: [], digest: undefined };
    expect(codedError(() => checkSameImages(RunDirectory.open(run), asPhotos)).message).toContain(
      "they were a set in memory, and are photos",
    );
  });
});

test("nothing else of a recipe can be changed", () => {
  const changes: readonly (readonly [Recipe, string])[] = [
    [{ seed: 1 }, "seed"],
    [{ training: { batchSize: 8 } }, "training.batchSize"],
    [{ model: "resnet20" }, "model"],
  ];
  for (const [change, path] of changes) {
    const { code, message } = codedError(() => changedRecipe(RECIPE, change));
    expect(code).toBe("ERR_RESUME");
    expect(message).toContain("`data.path`, `optimizer.lr`, `training.epochs`, `training.clipGradientNorm`");
    expect(message).toContain(`leave out \`${path}\``);
  }
  expect(codedError(() => changedRecipe(RECIPE, { optimizer: { lr: -1 } })).code).toBe("ERR_RECIPE");
});

test("a change that has no effect on the run's images is refused", () => {
  const change: Recipe = { data: { onBadImage: "skip", maxBad: 3 } };
  const { code, message } = codedError(() => changedRecipe(RECIPE, change));
  expect(code).toBe("ERR_SETTING");
  expect(message).toContain("`data.onBadImage: skip`: data.onBadImage has no effect on the images of shapes");
  expect(message).toContain("`data.maxBad: 3`: data.maxBad has no effect on the images of shapes");
  const photos = temporaryFolder();
  mkdirSync(join(photos, "cat"));
  writeFileSync(join(photos, "cat", "1.jpg"), "");
  const ofPhotos: Recipe = { ...RECIPE, data: { path: photos } };
  expect(changedRecipe(ofPhotos, change).recipe.data).toMatchObject({ onBadImage: "skip", maxBad: 3 });
  const alone = codedError(() => changedRecipe(ofPhotos, { data: { maxBad: 3 } }));
  expect(alone.message).toContain("Add `data.onBadImage: skip`");
});

test("a run of an earlier version whose two views are the same, with every key in its recipe, is resumed", async () => {
  const path = join(temporaryFolder(), "run");
  await train(path, { ...RECIPE, method: "vanilla-two-views" });
  const file = join(path, "recipe.yaml");
  const text = readFileSync(file, "utf8");
  const before = text
    .replace(/crop: 4/, "crop: 0")
    .replace(/flip: true/, "flip: false")
    .replace(/workers: null/, "workers: 2");
  expect(before).not.toBe(text);
  writeFileSync(file, before);
  expect(await resume(path, "training.epochs=3")).toContain("Changed training.epochs from 2 to 3.");
});

test("the error of a full disk during a training gets the command that resumes the run", () => {
  const recipe = resolveRecipe(RECIPE);
  const error = new RunError("ERR_WRITE", "cannot write x. The disk is full: free some space.");
  expect((withResumeAdvice(error, "runs/a", recipe) as Error).message).toBe(
    `${error.message} Then resume the run with: advprop train --run runs/a --resume`,
  );
  const other = new Error("a bug");
  expect(withResumeAdvice(other, "runs/a", recipe)).toBe(other);
});
