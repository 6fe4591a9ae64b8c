/** Validation images choose the best checkpoint. A warning says so if it is also evaluated on them. A share of validation images that has no effect is refused. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHOSEN_BY_IMAGES } from "../../src/api/evaluation/chosen-by.js";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { describeEvaluation } from "../../src/cli/output/evaluation-text.js";
import { evaluateCommand } from "../../src/cli/output/training-report.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";
import { train } from "../support/runs.js";

const photos = sharedTemporaryFolder();
await writeClasses(join(photos, "train"), { cat: 8, dog: 8 });
await writeClasses(join(photos, "val"), { cat: 8, dog: 8 }, 500);

const RECIPE: Recipe = {
  model: "resnet8",
  method: "vanilla",
  threads: 1,
  training: { epochs: 1, batchSize: 16 },
};
const OF_PHOTOS: Recipe = { ...RECIPE, data: { path: photos, imageSize: 16, workers: 1 } };
const OF_SHAPES: Recipe = {
  ...RECIPE,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
};

const evaluated = (model: string, split: "validation" | "test", checkpoint?: string) =>
  evaluate(model, { split, checkpoint, threads: 1 });

test("the command at the end evaluates on images that did not choose the checkpoint", () => {
  expect(evaluateCommand("r", ["train", "validation", "test"], true)).toBe("advprop evaluate r");
  expect(evaluateCommand("r", ["train", "validation"], true)).toBe(
    "advprop evaluate r --split validation --checkpoint last",
  );
  expect(evaluateCommand("my runs/it's", ["train", "validation", "test"], true)).toBe(
    "advprop evaluate 'my runs/it'\\''s'",
  );
  expect(evaluateCommand("r", ["train", "validation"], false)).toBe("advprop evaluate r --split validation");
  expect(evaluateCommand("r", ["train"], false)).toBe("advprop evaluate r --data PATH");
});

test.each([
  ["photos with a folder val", OF_PHOTOS, " --split validation --checkpoint last"],
  ["shapes", OF_SHAPES, ""],
])("for %s, only a result on the images that chose the checkpoint is marked", async (_name, recipe, flags) => {
  const run = join(temporaryFolder(), "run");
  expect(await train(run, recipe)).toContain(`Evaluate with: advprop evaluate ${run}${flags}\n`);
  const best = await evaluated(run, "validation");
  expect(best.data.choseCheckpoint).toBe(true);
  expect(describeEvaluation(best)).toContain(CHOSEN_BY_IMAGES);
  expect((await evaluated(run, "validation", "best")).data.choseCheckpoint).toBe(true);
  const last = await evaluated(run, "validation", "last");
  expect(last.data).not.toHaveProperty("choseCheckpoint");
  expect(describeEvaluation(last)).not.toContain(CHOSEN_BY_IMAGES);
  if (flags === "") expect((await evaluated(run, "test")).data).not.toHaveProperty("choseCheckpoint");
});

test("a share of validation images is refused if there are validation images already", async () => {
  const run = join(temporaryFolder(), "run");
  for (const [recipe, why] of [
    [OF_PHOTOS, `${photos} has a folder of 16 validation images`],
    [OF_SHAPES, "shapes has its own 10 validation images"],
  ] as const) {
    const error = await codedRejection(train(run, { ...recipe, data: { ...recipe.data, validationFraction: 0.2 } }));
    expect(error).toMatchObject({ code: "ERR_VALIDATION_FRACTION", exitCode: 2 });
    expect(error.message).toContain("`data.validationFraction: 0.2`");
    expect(error.message).toContain(why);
    expect(existsSync(run)).toBe(false);
  }
  const shapes = { images: 32, validationImages: 0, testImages: 10 };
  const data = { path: "shapes", shapes, validationFraction: 0.5 };
  expect(await train(run, { ...OF_SHAPES, data })).toContain("on 16 images of shapes");
});
