/** The saved recipe of a run, also of an earlier version. */
import { describe, expect, test } from "vitest";
import { resolveRecipe, stringifyRecipe } from "../../src/recipes/resolve.js";
import { parseSavedRecipe } from "../../src/recipes/saved.js";
import { METHODS, type Recipe } from "../../src/recipes/schema.js";

/** Fine-grained AdvProp has a route of strongly augmented images. */
const withPolicy = (recipe: Recipe): Recipe =>
  recipe.method === "fine-grained" ? { ...recipe, data: { augmentation: { autoAugment: "v0" } } } : recipe;

const read = (text: string) => resolveRecipe(parseSavedRecipe(text, "recipe.yaml"));

/** What an earlier version wrote for every method. */
const earlier = (method: string, smoothing: number) =>
  [
    `method: ${method}`,
    `training: { labelSmoothing: ${smoothing} }`,
    "attack: { name: pgd, norm: linf, epsilon: 4/255, stepSize: 1/255, steps: 5, target: random, statistics: running }",
  ].join("\n");

describe("parseSavedRecipe", () => {
  test.each(METHODS)("reads the saved recipe of %s", (method) => {
    for (const labelSmoothing of [0, 0.1]) {
      const recipe = resolveRecipe(withPolicy({ method, training: { labelSmoothing } }));
      expect(read(stringifyRecipe(recipe))).toEqual(recipe);
    }
  });

  test.each(METHODS.filter((method) => method !== "fine-grained" && method !== "fast-advprop"))(
    "a run of %s of an earlier version keeps its meaning",
    (method) => {
      const { attack, training } = read(earlier(method, 0.1));
      const smoothsCleanAlone = ["mixture", "clean-copy", "noise", "sign-noise", "advprop"].includes(method);
      expect(training.adversarialLabelSmoothing).toBe(smoothsCleanAlone ? 0 : null);
      if (method.startsWith("vanilla") || method === "clean-copy") expect(attack).toBeUndefined();
      else expect(attack).toMatchObject({ norm: "linf", epsilon: 4 / 255 });
      if (method === "advprop") expect(attack).toMatchObject({ name: "pgd", steps: 5 });
      expect(read(earlier(method, 0)).training.adversarialLabelSmoothing).toBeNull();
    },
  );
});
