/** What the user gives beside a recipe has an effect on the recipe's images, or is refused. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { settingChanges } from "../../src/cli/flags/settings.js";
import { checkGivenKeys } from "../../src/recipes/build/given-keys.js";
import { checkTwoViews } from "../../src/recipes/build/two-views.js";
import { listRecipes, loadRecipe } from "../../src/recipes/library.js";
import { changeRecipe, resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { writeCifar10 } from "../support/cifar.js";
import { codedError } from "../support/errors.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";
import { applySettings } from "../support/settings.js";
import { tarOf } from "../support/shards.js";

const folder = sharedTemporaryFolder();
const PATHS = {
  cifar: join(folder, "cifar"),
  shapes: "shapes",
  photos: join(folder, "photos"),
  parted: join(folder, "parted"),
  validated: join(folder, "validated"),
  shards: join(folder, "shards"),
};
type Kind = keyof typeof PATHS;

beforeAll(async () => {
  writeCifar10(PATHS.cifar, Buffer.alloc(3073));
  await writeClasses(PATHS.photos, { cat: 2, dog: 2 });
  for (const part of ["train", "test"]) cpSync(PATHS.photos, join(PATHS.parted, part), { recursive: true });
  for (const part of ["train", "val"]) cpSync(PATHS.photos, join(PATHS.validated, part), { recursive: true });
  mkdirSync(PATHS.shards);
  writeFileSync(join(PATHS.shards, "set-000000.tar"), await tarOf([["a.cls", "0"]]));
});

/** The message for settings beside a recipe; undefined if they are accepted. */
function refusal(kind: Kind, settings: readonly string[], recipe: Recipe = {}): string | undefined {
  const changes = [{ path: "data.path", value: PATHS[kind] }, ...settingChanges(settings)];
  try {
    checkGivenKeys(changeRecipe(recipe, changes), changes, "train");
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_SETTING" });
    return (error as Error).message;
  }
}

const IN_MEMORY: readonly Kind[] = ["cifar", "shapes"];
const PHOTOS: readonly Kind[] = ["photos", "parted", "validated", "shards"];
const ALL: readonly Kind[] = [...IN_MEMORY, ...PHOTOS];

describe("keys of some kinds of images", () => {
  test.each<[string, readonly Kind[]]>([
    ["data.shapes.images=10", ["shapes"]],
    ["data.shapes.seed=0", ["shapes"]],
    ["data.workers=2", PHOTOS],
    ["data.cacheMemory=1GB", PHOTOS],
    ["data.onBadImage=skip", PHOTOS],
    ["data.limitTest=10", PHOTOS],
    ["data.augmentation.crop=7", IN_MEMORY],
    ["data.augmentation.crop=0", IN_MEMORY],
    ["data.augmentation.flip=false", ALL],
    ["data.augmentation.autoAugment=cifar10", ALL],
    ["data.augmentation.colorJitter=0.1", ALL],
    ["data.augmentation.randomErasing=0.1", ALL],
    ["data.sampler=class-balanced", ALL],
    ["data.limitTrain=10", ALL],
    ["data.validationFraction=0.5", ALL],
    ["data.imageSize=32", ALL],
    ["data.workers=null", ALL],
    ["data.cacheMemory=null", ALL],
  ])("%s is accepted for %j", (setting, kinds) => {
    const [key] = setting.split("=");
    for (const kind of ALL) {
      const message = refusal(kind, [setting]);
      if (kinds.includes(kind)) expect(message, kind).toBeUndefined();
      else expect(message, kind).toContain(`--set ${setting}: ${key} has no effect on the images of ${PATHS[kind]}: `);
    }
  });

  test("sections are looked into, and every key has its line", () => {
    const message = refusal("photos", [
      "data.augmentation={crop: 0, flip: false}",
      "data.shapes={images: 10, seed: 1}",
    ])!;
    const [crop, images, seed, ...others] = message.split("\n");
    expect(crop).toContain("data.augmentation.crop has no effect");
    expect(crop).toContain("photos always get random resized crops. Leave it out.");
    expect(images).toContain("data.shapes.images has no effect");
    expect(seed).toContain("data.shapes.seed has no effect");
    expect(others).toEqual([]);
  });

  test("without a path nothing is known", () => {
    const changes = settingChanges(["data.workers=2"]);
    expect(() => checkGivenKeys(changeRecipe({}, changes), changes, "train")).not.toThrow();
  });

  test("a largest number of skipped photos needs photos to skip", () => {
    const changes = [{ path: "data.path", value: PATHS.photos }, ...settingChanges(["data.maxBad=5"])];
    const check = (recipe: Recipe) => () => checkGivenKeys(changeRecipe(recipe, changes), changes, "train");
    expect(codedError(check({})).message).toContain("Add `data.onBadImage: skip`");
    expect(check({ data: { onBadImage: "skip" } })).not.toThrow();
    // On other images that would not help.
    expect(refusal("cifar", ["data.maxBad=5"])).toContain("data.maxBad has no effect on the images of");
  });
});

describe("epochs between validations", () => {
  const EVERY = "training.evaluateEveryEpochs=5";
  test.each<[Kind, readonly string[]]>([
    ["cifar", []],
    ["cifar", ["data.validationFraction=0"]],
    ["shapes", ["data.shapes.validationImages=0"]],
    ["photos", ["data.validationFraction=0"]],
    ["parted", []],
  ])("have no effect on %s with %j", (kind, settings) => {
    const message = refusal(kind, [EVERY, ...settings])!;
    expect(message).toContain(
      `--set ${EVERY}: training.evaluateEveryEpochs has no effect, because there are no validation`,
    );
    const [, key, value] = /add `(.*): (.*)`\.$/.exec(message)!;
    expect(refusal(kind, [EVERY, ...settings, `${key}=${value}`])).toBeUndefined();
  });

  test.each<[Kind, readonly string[]]>([
    ["cifar", ["data.validationFraction=0.1"]],
    ["shapes", []],
    ["shapes", ["data.shapes.validationImages=0", "data.validationFraction=0.1"]],
    ["photos", []],
    ["parted", ["data.validationFraction=0.1"]],
    ["validated", []],
    ["shards", []],
  ])("are accepted for %s with %j", (kind, settings) => {
    expect(refusal(kind, [EVERY, ...settings])).toBeUndefined();
  });
});

test("keys of a recipe file are not refused, whatever the images: neither those of the package nor all keys, as of a run", () => {
  const recipes = listRecipes().map(({ name }) => loadRecipe(name));
  for (const recipe of [
    ...recipes,
    resolveRecipe(applySettings({}, ["data.workers=2", "data.shapes.images=9"])) as Recipe,
  ]) {
    for (const kind of ALL) expect(refusal(kind, [], recipe), `${recipe.name}, ${kind}`).toBeUndefined();
  }
  expect(
    refusal("shapes", ["data.augmentation.crop=12", "data.shapes.images=600"], loadRecipe("photos")),
  ).toBeUndefined();
});

describe("vanilla-two-views", () => {
  const NONE = ["method=vanilla-two-views", "data.augmentation.crop=0", "data.augmentation.flip=false"];
  const check = (kind: Kind | null, settings: readonly string[]) => () =>
    checkTwoViews(
      resolveRecipe(applySettings({}, [`data.path=${kind === null ? null : PATHS[kind]}`, ...settings])),
      "train",
    );

  test.each([[[]], [["training.mixup=0.2", "training.cutmix=1"]], [["data.sampler=class-balanced"]]])(
    "is refused if both views are the same, also with %j",
    (settings) => {
      for (const kind of IN_MEMORY) {
        const error = codedError(check(kind, [...NONE, ...settings]));
        expect(error.code).toBe("ERR_RECIPE");
        expect(error.message).toContain("both views of an image would be the same, as with the method vanilla-doubled");
        // Each of its remedies works.
        const remedies = [...error.message.matchAll(/`(\S+): (\S+)`/g)].map(([, key, value]) => `${key}=${value}`);
        expect(remedies).toHaveLength(3);
        for (const remedy of remedies) expect(check(kind, [...NONE, remedy]), remedy).not.toThrow();
        expect(check(kind, [...NONE, "method=vanilla-doubled"])).not.toThrow();
      }
    },
  );

  test.each([
    "data.augmentation.crop=1",
    "data.augmentation.flip=true",
    "data.augmentation.autoAugment=trivial-augment",
    "data.augmentation.colorJitter=0.1",
    "data.augmentation.randomErasing=0.1",
  ])("%s makes two views", (setting) => {
    for (const kind of IN_MEMORY) expect(check(kind, [...NONE, setting])).not.toThrow();
  });

  test("photos always have two views, and other methods need none", () => {
    for (const kind of PHOTOS) expect(check(kind, NONE)).not.toThrow();
    for (const method of ["vanilla", "vanilla-doubled", "clean-copy"]) {
      expect(check("cifar", [...NONE, `method=${method}`])).not.toThrow();
    }
    expect(check(null, NONE)).not.toThrow(); // the missing path is another error
  });
});
