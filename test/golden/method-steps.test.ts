/**
 * One step of each method that is not AdvProp itself, made from a recipe, against NumPy in float64: losses, gradients of all parameters,
 * running statistics and adversarial images. See make_method_steps.py.
 */
import { describe, expect, test } from "vitest";
import { NORMALIZATIONS } from "../../src/models/classifier.js";
import { createClassifier } from "../../src/models/registry.js";
import { createStep, methodOf } from "../../src/recipes/build/method-step.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { fromArray, GradientStore, scope, type Tensor } from "../../src/tensor/index.js";
import { add, channelsLast, copy_, mul } from "../../src/tensor/operators.js";
import { every, maxDifference, readGolden } from "../support/golden.js";
import { INPUT_STREAM, initial, keyed } from "../support/networks.js";

const golden = readGolden("method_steps.safetensors");
const SAMPLING = Number(golden.metadata.sampling);
const [COUNT, CLASSES, SIDE] = [10, 5, 8];
const training = { labelSmoothing: 0.1, adversarialLabelSmoothing: 0.05 };

const RECIPES: Readonly<Record<string, Recipe>> = {
  "clean-copy": { training: { ...training, adversarialWeight: 0.5, lossReduction: "mean" } },
  "sign-noise": { training, attack: { epsilon: "4/255" } },
  "fine-grained": {
    training,
    data: { augmentation: { autoAugment: "v0" } },
    attack: { epsilon: "4/255", stepSize: "2/255", steps: 2 },
    routes: {
      main: { source: "weak" },
      strong: { source: "strong", weight: 0.5 },
      attacked: { source: "plain", attacked: true, weight: 2 },
    },
  },
  "fast-advprop": { training: { ...training, adversarialShare: 0.3 }, attack: { epsilon: "8/255" } },
};

function stepOf(name: string) {
  const method = name as Recipe["method"];
  const recipe = resolveRecipe({ ...RECIPES[name], method });
  const model = createClassifier("resnet8", {
    classes: Array.from({ length: CLASSES }, (_, i) => String(i)),
    routes: JSON.parse(golden.metadata.routes)[name],
    normalization: NORMALIZATIONS.half,
    imageSize: SIDE,
  }).initialize(0, "float64");
  const state = model.network.state();
  const names = [...state.keys()].filter((key) => !key.endsWith("num_batches_tracked")).sort();
  expect(names).toEqual(JSON.parse(golden.metadata.names)[name]);
  for (const [place, key] of names.entries()) copy_(state.get(key)!, initial(key, place, state.get(key)!.shape));
  const parameters = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(parameters.map(([, { value }]) => value));
  const seen: Tensor[] = [];
  const spy = {
    forward: (images: Tensor, context: Parameters<typeof model.forward>[1]) => {
      if (context.trainable) seen.push(images);
      return model.forward(images, context);
    },
  };
  const { step } = createStep(recipe, methodOf(recipe), { model: spy, device: "cpu", parameters, gradients });
  const samples = fromArray(
    Array.from({ length: COUNT }, (_, i) => 3 * i + 1),
    [COUNT],
    "int64",
  );
  const view = (number: number) => channelsLast(mul(add(keyed(INPUT_STREAM + number, [COUNT, 3, SIDE, SIDE]), 1), 0.5));
  const losses = step({
    images: view(0),
    moreViews: methodOf(recipe)
      .views.slice(1)
      .map((_, i) => view(i + 1)),
    labels: fromArray(
      Array.from({ length: COUNT }, (_, i) => i % CLASSES),
      [COUNT],
      "int64",
    ),
    keys: { seed: Number(golden.metadata.seed), epoch: Number(golden.metadata.epoch), samples },
  });
  return { losses, state, seen, sums: gradients.read(), parameters };
}

describe.each(Object.keys(RECIPES))("%s", (name) => {
  test("its losses, gradients and running statistics are NumPy's", () => {
    scope(() => {
      const { losses, state, sums, parameters } = stepOf(name);
      const expected = golden.names.flatMap((key) => (key.startsWith(`${name}/loss.`) ? [key.split(".")[1]] : []));
      expect(Object.keys(losses).sort()).toEqual(expected.sort());
      for (const [loss, value] of Object.entries(losses)) {
        expect(Math.abs(value!.item() - golden.tensor(`${name}/loss.${loss}`).item()), loss).toBeLessThan(1e-8);
      }
      for (const [i, [parameter]] of parameters.entries()) {
        const key = `${name}/gradient.${parameter}`;
        expect(sums[i] !== undefined, parameter).toBe(golden.has(key));
        if (sums[i] === undefined) continue;
        const found = every(sums[i].toNumbers(), SAMPLING);
        expect(maxDifference(found, golden.numbers(key)), parameter).toBeLessThan(1e-8);
      }
      for (const [key, tensor] of state) {
        if (!key.includes(".running_")) continue;
        expect(maxDifference(tensor.toNumbers(), golden.numbers(`${name}/running.${key}`)), key).toBeLessThan(1e-10);
      }
    });
  });
});

test("the adversarial images of fine-grained and Fast AdvProp are NumPy's", () => {
  scope(() => {
    for (const name of ["fine-grained", "fast-advprop"]) {
      const expected = golden.numbers(`${name}/adversarial`);
      const images = stepOf(name).seen.at(-1)!;
      const found = images.toNumbers();
      if (name === "fine-grained") {
        expect(maxDifference(every(found, SAMPLING), expected)).toBeLessThan(1e-12);
        continue;
      }
      // In another order of images: every image is found, whichever place it has.
      const size = 3 * SIDE * SIDE;
      expect(found.length).toBe(3 * size);
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      const distances = orders.map((order) =>
        maxDifference(
          every(
            order.flatMap((i) => found.slice(i * size, (i + 1) * size)),
            SAMPLING,
          ),
          expected,
        ),
      );
      expect(Math.min(...distances)).toBeLessThan(1e-12);
    }
  });
});
