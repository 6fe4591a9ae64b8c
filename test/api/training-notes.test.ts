/** The notes of `train` about its attack before it begins. */
import { expect, test } from "vitest";
import { describeStrength } from "../../src/api/training/training-notes.js";
import { resolveRecipe } from "../../src/recipes/resolve.js";
import type { Recipe } from "../../src/recipes/schema.js";

test.each<[Recipe, string[]]>([
  [
    {},
    [
      "Attack: pgd, linf, epsilon 1/255, 1 step of 1/255, random target. This epsilon is the default of resnet20: the paper's smallest value, because none is published for this network.",
    ],
  ],
  [
    { model: "efficientnet-b3", training: { labelSmoothing: 0.1 } },
    [
      "Attack: pgd, linf, epsilon 2/255, 3 steps of 1/255, random target. This epsilon is the default of efficientnet-b3: interpolated between the paper's values, 1/255 for B0 and 4/255 for B7.",
      "Label smoothing: 0.1, in both losses.",
    ],
  ],
  [
    { model: "resnet50", attack: { name: "fgsm", target: "none" } },
    [
      "Attack: fgsm, linf, epsilon 1/255, untargeted. This epsilon is the default of resnet50: the value of the re-implementation written under the guidance of the paper's authors.",
    ],
  ],
  [
    { attack: { norm: "l2" }, training: { labelSmoothing: 0.1, adversarialLabelSmoothing: 0 } },
    [
      "Attack: pgd, l2, epsilon 0.5, 5 steps of 0.25, random target.",
      "Label smoothing: 0.1 of clean images, 0 of adversarial ones.",
    ],
  ],
  [
    {
      attack: { statistics: "batch", labelSmoothing: 0.2 },
      training: { adversarialWeight: 0.5, lossReduction: "mean" },
    },
    [
      "Attack: pgd, linf, epsilon 1/255, 1 step of 1/255, random target, labels smoothed by 0.2, through batch statistics. This epsilon is the default of resnet20: the paper's smallest value, because none is published for this network.",
      "Loss: (clean + 0.5 adversarial) / 1.5.",
    ],
  ],
  [
    { method: "sign-noise", attack: { epsilon: "3/255" }, training: { adversarialWeight: 2 } },
    ["Random-sign noise: linf, epsilon 3/255.", "Loss: clean + 2 adversarial."],
  ],
  [
    { method: "fast-advprop", training: { epochs: 105, labelSmoothing: 0.1 }, attack: { epsilon: "2/255" } },
    [
      "Attack: one step along the gradient of a training pass, linf, epsilon 2/255, step 2/255, untargeted.",
      "Label smoothing: 0.1, in all losses.",
      "Epochs: 88, which cost about as much as 105 of vanilla training, because each costs 1.2 times as much. 20 % of the images are adversarial, the others clean.",
    ],
  ],
  [
    { method: "clean-copy", training: { labelSmoothing: 0.1 } },
    ["Attack: none, because clean-copy trains on clean images.", "Label smoothing: 0.1, in both losses."],
  ],
  [{ method: "noise", attack: { epsilon: "3/255" } }, ["Noise: linf, epsilon 3/255."]],
  [
    { method: "vanilla", training: { labelSmoothing: 0.1 } },
    ["Attack: none, because vanilla trains on clean images.", "Label smoothing: 0.1."],
  ],
])("%j", (recipe, lines) => {
  expect(describeStrength(resolveRecipe(recipe))).toEqual(lines);
});
