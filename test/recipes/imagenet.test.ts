/** The recipes of the published networks follow these rules. */
import { describe, expect, test } from "vitest";
import { attackSteps, paperEpsilon } from "../../src/attacks/strength.js";
import { architecture } from "../../src/models/registry.js";
import { listRecipes, loadRecipe } from "../../src/recipes/library.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";

const recipes = listRecipes().map(({ name, path, description }) => ({
  name,
  description,
  recipe: resolveRecipe(loadRecipe(path)),
}));
const official = recipes.filter(({ name }) => name.startsWith("imagenet-"));
const efficientNets = Array.from({ length: 9 }, (_, size) => `efficientnet-b${size}`);
const models = [...efficientNets, "resnet50", "resnet101", "resnet152"];

test.each(recipes)("$name trains a known network", ({ recipe }) => {
  expect(architecture(recipe.model).name).toBe(recipe.model);
});

test("every published network has both recipes", () => {
  const names = models.flatMap((model) => ["vanilla", "advprop"].map((method) => `imagenet-${model}-${method}`));
  expect(official.map(({ name }) => name).sort()).toEqual(names.sort());
});

describe.each(official)("$name", ({ name, description, recipe }) => {
  const { model, data, training, optimizer, schedule } = recipe;
  const images = Number(training.batchSize) * training.accumulationSteps;

  test("is named after its network and method", () => {
    expect(name).toBe(`imagenet-${model}-${recipe.method}`);
  });

  test("has the learning rate for its number of images per update", () => {
    const [expected, per256] = model.startsWith("efficientnet") ? [2048, 0.016] : [256, 0.1];
    expect(images).toBe(expected);
    expect(optimizer.lr).toBeCloseTo((per256 * images) / 256, 12);
  });

  test("has the published hyper-parameters", () => {
    if (model.startsWith("efficientnet")) {
      expect(optimizer).toMatchObject({ name: "rmsprop", decay: 0.9, momentum: 0.9, epsilon: 1e-3, weightDecay: 1e-5 });
      expect(optimizer.weightDecayOnNorm).toBe(false);
      expect(schedule).toEqual({ name: "exponential", warmupFraction: 5 / 350, decay: 0.97, decayEpochs: 2.4 });
      expect(training).toMatchObject({
        epochs: 350,
        labelSmoothing: 0.1,
        adversarialLabelSmoothing: null,
        averageDecay: 0.9999,
      });
    } else {
      expect(optimizer).toMatchObject({ name: "sgd", momentum: 0.9, nesterov: false, weightDecay: 1e-4 });
      expect(optimizer.weightDecayOnNorm).toBe(true);
      expect(schedule).toEqual({ name: "multi-step", warmupFraction: 0, milestones: [30, 60, 90, 100], gamma: 0.1 });
      expect(training).toMatchObject({ epochs: 105, labelSmoothing: 0, averageDecay: null });
    }
    expect(data.augmentation.autoAugment).toBe(model.startsWith("efficientnet") ? "v0" : "none");
    expect(data.imageSize).toBe(architecture(model).imageSize);
  });

  test.runIf(model.startsWith("resnet"))("says that its resizing differs from the code that it follows", () => {
    expect(description.replace(/\s+/g, " ")).toMatch(
      /Differences: .*bicubic interpolation, where that code has .*bilinear/,
    );
  });

  test("says how to run it, what to expect, what differs and what it costs", () => {
    for (const part of [`train ${name} --data DIR`, "Published", "Differences", "Cost", "not measured here"]) {
      expect(description.replace(/\s+/g, " ")).toContain(part);
    }
  });
});

test.each(official.filter(({ recipe }) => recipe.method === "advprop"))(
  "$name has the paper's attack strength for its size, and differs from vanilla in nothing else",
  ({ name, recipe }) => {
    const { model, method, attack } = recipe;
    const epsilon = paperEpsilon(model)!;
    expect(attack).toMatchObject({
      name: "pgd",
      norm: "linf",
      epsilon,
      stepSize: 1 / 255,
      steps: attackSteps(epsilon),
    });
    expect(attack).toMatchObject({ target: "random", randomStart: true, statistics: "running" });
    const vanilla = resolveRecipe(loadRecipe(name.replace("advprop", "vanilla")));
    const { adversarialWeight, lossReduction } = recipe.training;
    const training = { ...vanilla.training, adversarialWeight, lossReduction };
    expect({ ...vanilla, method, attack, training }).toEqual(recipe);
  },
);
