/** What a comparison refuses before it trains anything, and what it still allows. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CompareOptions, compare } from "../../src/api/compare/compare.js";
import type { Comparison } from "../../src/api/compare/plan.js";
import { withFlags } from "../../src/cli/flags/flag-names.js";
import { openRecipeData } from "../../src/recipes/build/data.js";
import { hasValidation, ownParts } from "../../src/recipes/build/data-parts.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const SHAPES = { path: "shapes", shapes: { images: 32, validationImages: 0, testImages: 20 } };
/** Two updates in an epoch, so eight in all. */
const COMMON = { model: "resnet8", threads: 1, data: SHAPES, training: { epochs: 4, batchSize: 16 } };
const ARMS: Comparison["arms"] = { a: { method: "vanilla" }, b: { method: "vanilla" } };

const root = sharedTemporaryFolder();
/** Twenty photos in two classes without parts. */
const photos = async () => {
  const path = join(root, "photos");
  if (!existsSync(path)) await writeClasses(path, { cat: 10, dog: 10 });
  return path;
};

type Settings = Partial<CompareOptions> & { readonly common?: Recipe; readonly arms?: Comparison["arms"] };

const start = ({ common = {}, arms = ARMS, ...options }: Settings, to: string) =>
  compare(
    {
      common: {
        ...COMMON,
        ...common,
        data: { ...(common.data?.path === undefined ? SHAPES : {}), ...common.data },
        training: { ...COMMON.training, ...common.training },
      },
      arms,
    },
    { ...(options.folds === undefined && { seeds: 1 }), parts: ["clean"], threads: 1, workers: 1, to, ...options },
  );

/** The message of a refusal, after which nothing has been trained or written. */
async function refused(settings: Settings): Promise<string> {
  const to = join(temporaryFolder(), "c");
  const error = await codedRejection(start(settings, to));
  expect(error.exitCode).toBe(2);
  expect(existsSync(to)).toBe(false);
  return `${error.code}: ${error.message}`;
}

async function allowed(settings: Settings): Promise<void> {
  const { result } = await start(settings, join(temporaryFolder(), "c"));
  expect(result).toMatchObject({ status: "finished", failures: [], unfinished: [] });
  expect(result.measures[0].arms).toHaveLength(2);
}

test.each([
  [{ limitTest: 0 }, "ERR_SETTING: `data.limitTest: 0`"],
  [{ seed: -1 }, "ERR_SETTING: `seed: -1`"],
  [{ workers: 0 }, "ERR_SETTING: `data.workers: 0`"],
  [{ parts: [] }, "ERR_SUITE: compare: `parts` must be some of clean, corrupted, stylised, attacked; got none"],
  [{ parts: ["cleen" as "clean"] }, "ERR_SUITE: compare: `parts` must be some of clean"],
  [{ budget: "epoch" as "epochs" }, "ERR_COMPARE: compare: `budget` must be epochs, compute, time; got epoch"],
])("the options of the measurement: %j", async (options, message) => {
  expect(await refused(options)).toContain(message);
});

describe("settings that only all arms together can have", () => {
  test.each(["a", "b"])("the seed of arm %s", async (name) => {
    const message = await refused({ arms: { ...ARMS, [name]: { method: "vanilla", seed: 7 } } });
    expect(message).toContain(`ERR_COMPARE: compare: arm ${name}, seed: 7 has no effect`);
    expect(withFlags(message)).toContain(
      "--seeds gives their number, and a --seed that all arms share is the first one",
    );
  });

  test("the epochs of an arm, where the budget decides them", async () => {
    const arms = { ...ARMS, b: { method: "vanilla", training: { epochs: 2 } } } as const;
    const message = await refused({ arms, budget: "compute" });
    expect(withFlags(message)).toContain("arm b, training.epochs: 2 has no effect with --budget compute");
    await allowed({ arms });
    await allowed({ arms: { b: arms.b, a: ARMS.a }, budget: "compute" });
  });

  test("the share for validation, where all arms share one split", async () => {
    const common = { data: { path: await photos(), imageSize: 16 } };
    const message = await refused({ common, arms: { ...ARMS, b: { data: { validationFraction: 0.3 } } } });
    expect(message).toContain("must have the same data.validationFraction; arm a has null, and arm b has 0.3");
  });

  test("allowed: a seed of all arms, and a share of images in memory, which each run splits for itself", async () => {
    const arms = { ...ARMS, b: { method: "vanilla", data: { validationFraction: 0.5 } } } as const;
    await allowed({ common: { seed: 7 }, arms });
  });
});

describe("folds have no validation images", () => {
  const inFolds = async (more: Recipe = {}): Promise<Settings> => ({
    folds: 2,
    common: {
      ...more,
      data: { path: await photos(), imageSize: 16, ...more.data },
      training: { epochs: 2, batchSize: 4, ...more.training },
    },
  });

  test("a share for validation", async () => {
    const message = withFlags(await refused(await inFolds({ data: { validationFraction: 0.2 } })));
    expect(message).toContain("ERR_VALIDATION_FRACTION: compare: --validation-fraction 0.2 has no effect with --folds");
    expect(message).toContain("Leave it out, or give --seeds instead of --folds");
    const own = { ...ARMS, b: { data: { validationFraction: 0.2 } } };
    expect(await refused({ ...(await inFolds()), arms: own })).toContain("arm b, data.validationFraction: 0.2 has no");
  });

  test("early stopping, with a fix that works", async () => {
    const settings = await inFolds({ training: { earlyStoppingEpochs: 1 } });
    const message = withFlags(await refused(settings));
    expect(message).toContain("ERR_VALIDATION: compare: --set training.earlyStoppingEpochs=1 needs validation images");
    expect(message).toContain("folds have none. Leave it out, or give --seeds instead of --folds");
    await allowed({ ...settings, folds: undefined, seeds: 1 });
    const own = { ...ARMS, b: { training: { earlyStoppingEpochs: 1 } } };
    expect(await refused({ ...(await inFolds()), arms: own })).toContain(
      "arm b, training.earlyStoppingEpochs: 1 needs",
    );
  });

  test("the best checkpoint", async () => {
    const settings = await inFolds();
    const message = withFlags(await refused({ ...settings, checkpoint: "best" }));
    expect(message).toContain(
      "ERR_CHECKPOINT: compare: --checkpoint best needs validation images, and folds have none",
    );
    await allowed({ ...settings, folds: undefined, seeds: 1, checkpoint: "best" });
  });

  test("allowed: no share, and a checkpoint that the runs reach", async () => {
    const common = { data: { validationFraction: 0 }, training: { keepEverySteps: 2 } };
    await allowed({ ...(await inFolds(common)), checkpoint: "4" });
    const to = join(temporaryFolder(), "c");
    const { message } = await codedRejection(start({ ...(await inFolds(common)), checkpoint: "6" }, to));
    expect(message).toContain("end after 4 updates. Give `checkpoint: last`, or a multiple of 2");
    expect(existsSync(join(to, "runs"))).toBe(false);
  });
});

describe("runs without validation images", () => {
  test("the best checkpoint and early stopping, and the fix works", async () => {
    const message = withFlags(await refused({ checkpoint: "best" }));
    expect(message).toContain(
      "--checkpoint best needs validation images, and arm a has none. Give --checkpoint last, or",
    );
    expect(message).toContain("add --validation-fraction 0.1");
    const early = { training: { earlyStoppingEpochs: 1 } };
    expect(await refused({ common: early })).toContain("needs validation images, and arm a has none. Leave it out, or");
    await allowed({ common: { ...early, data: { validationFraction: 0.1 } }, checkpoint: "best" });
  });
});

describe("checkpoints that no run writes", () => {
  test.each([
    ["first", {}, /must be last, best or the step of a kept checkpoint; got first/],
    ["99", {}, /no checkpoint 99, because the runs of arm a keep no checkpoints but last and best/],
    [
      "0",
      { training: { keepEverySteps: 2 } },
      /a checkpoint every 2 steps\. Give `checkpoint: last`, or a multiple of 2/,
    ],
    [
      "3",
      { training: { keepEverySteps: 2 } },
      /a checkpoint every 2 steps\. Give `checkpoint: last`, or a multiple of 2/,
    ],
  ] as const)("%s", async (checkpoint, common, message) => {
    expect(await refused({ checkpoint, common })).toMatch(message);
  });

  test("a step after the last, which another call with the same folder corrects", async () => {
    const to = join(temporaryFolder(), "c");
    const common = { training: { keepEverySteps: 4 } };
    const { message } = await codedRejection(start({ common, checkpoint: "12" }, to));
    expect(message).toContain("end after 8 updates. Give `checkpoint: last`, or a multiple of 4");
    expect(existsSync(join(to, "runs"))).toBe(false);
    const { result } = await start({ common, checkpoint: "4" }, to);
    expect(result).toMatchObject({ status: "finished", failures: [] });
  });

  test("a run that early stopping ends before the step is named, and the others are measured", async () => {
    const data = { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 20 } };
    const still = { optimizer: { name: "sgd", lr: 1e-30, weightDecay: 0 } } as const;
    const { result } = await start(
      {
        common: { data, training: { epochs: 9, keepEverySteps: 18 } },
        arms: {
          ...ARMS,
          b: { method: "vanilla", ...still, training: { earlyStoppingEpochs: 1, averageDecay: 0.99999 } },
        },
        checkpoint: "18",
      },
      join(temporaryFolder(), "c"),
    );
    expect(result.failures.map(({ message }) => message)).toEqual([expect.stringContaining("has no checkpoint 18")]);
    expect(result.measures[0].arms.map(({ arm }) => arm)).toEqual(["a"]);
  });
});

test("a folder without test images, and no path at all", async () => {
  const path = temporaryFolder();
  await writeClasses(join(path, "train"), { cat: 2, dog: 2 });
  await writeClasses(join(path, "val"), { cat: 2, dog: 2 }, 100);
  expect(await refused({ common: { data: { path } } })).toContain(
    "has none, only train and validation. Add a folder test",
  );
  expect(await refused({ common: { data: { path: null } } })).toContain("ERR_DATA_MISSING: the data path is missing");
});

test("the validation images that are expected are those that a training opens", async () => {
  const parted = temporaryFolder();
  await writeClasses(join(parted, "train"), { cat: 4, dog: 4 });
  await writeClasses(join(parted, "test"), { cat: 2, dog: 2 }, 100);
  const complete = temporaryFolder();
  for (const [i, part] of ["train", "validation", "test"].entries()) {
    await writeClasses(join(complete, part), { cat: 2, dog: 2 }, 200 + 10 * i);
  }
  for (const path of ["shapes", parted, complete, await photos()]) {
    for (const validationFraction of [null, 0, 0.5]) {
      for (const validationImages of path === "shapes" ? [0, 10] : [0]) {
        const shapes = { images: 32, testImages: 20, validationImages };
        const recipe = resolveRecipe({ data: { path, shapes, validationFraction, workers: 1 } });
        const data = await openRecipeData(recipe, { parts: ["train", "validation"] });
        await data.close();
        const expected = hasValidation(recipe, await ownParts(path, "test"));
        expect(expected, `${path}, ${validationFraction}, ${validationImages}`).toBe(data.validation !== undefined);
      }
    }
  }
});
