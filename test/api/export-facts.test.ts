/** The facts in exported files: about the training, and the accuracy of an evaluation on images that are new to the run. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import { accuracyOf, trainingOf } from "../../src/api/export/export-facts.js";
import { train } from "../../src/api/training/train.js";
import type { EvaluationFile } from "../../src/runs/schema.js";
import { openWeights } from "../../src/weights/open.js";
import { temporaryFolder } from "../support/folders.js";
import { writeRunFolder } from "../support/run-folders.js";

test("is of the run's own test images, of as many as were measured, and of no copies or training images", async () => {
  const run = join(temporaryFolder(), "run");
  const shapes = { images: 32, validationImages: 10, testImages: 20 };
  const { weights } = await train(
    {
      model: "resnet8",
      method: "vanilla",
      threads: 1,
      data: { path: "shapes", shapes },
      training: { epochs: 1, batchSize: 16 },
    },
    { run },
  );
  const { specification } = await openWeights(run);
  const accuracy = (other = {}) => accuracyOf(weights, { ...specification, ...other });
  expect(accuracy()).toBeUndefined();
  const whole = await evaluate(run, { threads: 1 });
  const expected = { value: whole.accuracy, images: 20, data: "shapes", split: "test" };
  expect(accuracy()).toEqual(expected);
  await evaluate(run, { threads: 1, limitTest: 3 });
  await evaluate(run, { threads: 1, split: "validation" });
  await evaluate(run, { threads: 1, checkpoint: "last" });

  /** The same evaluation later, of other images. */
  const also = (name: string, data: Partial<EvaluationFile["data"]>) =>
    writeFileSync(
      join(run, "evaluation", `${name}.json`),
      JSON.stringify({
        ...whole,
        createdAt: "2999-01-01T00:00:00.000Z",
        accuracy: 0,
        count: 99,
        data: { ...whole.data, ...data },
      }),
    );
  also("adversarial-copies", { name: "adversarial", split: "all" });
  also("folder-of-training-photos", { trainedOn: 32 });
  also("other-set", { name: "other" });
  expect(accuracy()).toEqual(expected);
  also("newer", {});
  expect(accuracy()).toEqual({ ...expected, value: 0, images: 99 });
  expect(accuracy({ imageSize: 64 })).toBeUndefined();
});

test("a recipe beside weights that are no checkpoint says nothing about them", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "recipe.yaml"), "ingredients: [flour]\n");
  mkdirSync(join(folder, "weights"));
  expect(trainingOf(join(folder, "weights/resnet18.pth"))).toEqual({});
});

test("the radius of the attack has its norm if that is L2", () => {
  const run = writeRunFolder(join(temporaryFolder(), "run"));
  const facts = (recipe: string) => {
    writeFileSync(run.recipe, recipe);
    return trainingOf(join(run.path, "checkpoints", "best.safetensors"));
  };
  const recipe = (attack: string) => `model: resnet20\nmethod: advprop\nattack: { name: pgd, ${attack} }\n`;
  expect(facts(recipe("norm: l2, epsilon: 0.5"))).toEqual({ method: "advprop", epsilon: 0.5, norm: "l2" });
  expect(facts(recipe("epsilon: 4/255"))).toEqual({ method: "advprop", epsilon: 4 / 255 });
  expect(facts("model: resnet20\nmethod: vanilla\n")).toEqual({ method: "vanilla" });
});
