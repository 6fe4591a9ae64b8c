/** Defaults of a run on photos. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeUpdates, needsPhotoRecipe, PHOTO_RECIPE, withEnoughUpdates } from "../../src/recipes/build/photos.js";
import { loadRecipe } from "../../src/recipes/library.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import { writeCifar10 } from "../support/cifar.js";
import { codedError } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { applySettings } from "../support/settings.js";

const recipeOf = (...settings: string[]) => resolveRecipe(applySettings(loadRecipe(PHOTO_RECIPE), settings));
test("its attack reaches the surface in one step, also with another epsilon", () => {
  expect(recipeOf("attack.epsilon=4/255").attack).toMatchObject({ epsilon: 4 / 255, stepSize: 4 / 255, steps: 1 });
});

const sizeAndRate = ({ training, optimizer }: ReturnType<typeof recipeOf>) => [training.batchSize, optimizer.lr];

test("the recipe for photos is only used for a folder of photos without a given model", () => {
  const photos = temporaryFolder();
  mkdirSync(join(photos, "cat"));
  writeFileSync(join(photos, "cat", "1.jpg"), "");
  const cifar = temporaryFolder();
  writeCifar10(cifar, Buffer.alloc(3073));
  const needs = (path: string | null, more = {}) => needsPhotoRecipe({ data: { path }, ...more });
  expect(needs(photos)).toBe(true);
  expect(needs(photos, { method: "vanilla" })).toBe(true);
  expect(needs(photos, { model: "resnet20" })).toBe(false);
  for (const path of [cifar, "shapes", null]) expect(needs(path), String(path)).toBe(false);
  for (const path of [join(photos, "not-there"), join(photos, "cat", "1.jpg")]) {
    expect(codedError(() => needs(path)).code).toBe("ERR_DATA_MISSING");
  }
  expect(needsPhotoRecipe({})).toBe(false);
});

describe("the mini-batch follows the number of photos", () => {
  // By hand: the largest of 32, 16 and 8 with 20 whole updates; 0.01 is for 32.
  test.each([
    [20_000, 32, 0.01],
    [640, 32, 0.01],
    [639, 16, 0.005],
    [320, 16, 0.005],
    [168, 8, 0.0025],
    [30, 8, 0.0025],
  ])("%i photos: %i images at a rate of %d", (images, size, lr) => {
    expect(sizeAndRate(withEnoughUpdates(recipeOf(), images))).toEqual([size, lr]);
  });

  test("the decision is saved in the recipe, and not repeated when the run is resumed with other photos", () => {
    const decided = withEnoughUpdates(recipeOf(), 168);
    expect(withEnoughUpdates(decided, 20)).toBe(decided);
    expect(resolveRecipe(decided)).toEqual(decided);
  });

  test("updates of several mini-batches are counted as updates", () => {
    const recipe = recipeOf("training.accumulationSteps=2");
    expect(sizeAndRate(withEnoughUpdates(recipe, 500))).toEqual([8, 0.0025]);
  });

  test("a given batch size is kept, and so is that of a recipe without minUpdatesPerEpoch", () => {
    for (const recipe of [
      recipeOf("training.batchSize=32"),
      recipeOf("training.batchSize=auto"),
      recipeOf("training.minUpdatesPerEpoch=null"),
      resolveRecipe({}),
    ]) {
      expect(withEnoughUpdates(recipe, 168)).toBe(recipe);
      expect(describeUpdates(recipe, recipe, 168)).toBeUndefined();
    }
    const both = recipeOf("training.batchSize=64", "training.minUpdatesPerEpoch=10");
    expect(sizeAndRate(withEnoughUpdates(both, 168))).toEqual([16, 0.0025]);
  });

  test("the description of the change has all numbers", () => {
    const recipe = recipeOf();
    expect(describeUpdates(recipe, withEnoughUpdates(recipe, 168), 168)).toBe(
      "With mini-batches of 32, 168 training images make only 5 updates per epoch, and the recipe wants at least 20. " +
        "The mini-batch is therefore 8 images (21 updates per epoch), and the learning rate 0.0025 instead of 0.01. " +
        "To keep both, add `training.minUpdatesPerEpoch: null`",
    );
  });

  test.each([
    ["the recipe's own values", []],
    ["both values given", ["training.batchSize=32", "training.minUpdatesPerEpoch=20"]],
  ])("the remedy in the description works for %s", (_, given) => {
    const recipe = recipeOf(...given);
    const text = describeUpdates(recipe, withEnoughUpdates(recipe, 168), 168)!;
    const [, key, value] = /To keep both, add `(.*): (.*)`$/.exec(text)!;
    const kept = recipeOf(...given, `${key}=${value}`);
    expect(sizeAndRate(withEnoughUpdates(kept, 168))).toEqual([32, 0.01]);
  });

  test("least updates have no effect on the batch size auto, and are refused", () => {
    const refused = (settings: string[]) => codedError(() => recipeOf(...settings)).message;
    expect(refused(["training.batchSize=auto", "training.minUpdatesPerEpoch=20"])).toContain(
      "training.minUpdatesPerEpoch has no effect with the batch size auto, which is chosen by the memory. " +
        "Leave it out, or give training.batchSize a number.",
    );
    expect(recipeOf("training.batchSize=auto", "training.minUpdatesPerEpoch=null").training.batchSize).toBe("auto");
  });
});
