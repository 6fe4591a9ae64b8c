/** The recipes of the quickstart. Their values were chosen on validation images (docs/quickstart.md). */
import type { Recipe } from "../../recipes/schema.js";

/** Radius of the attack in training, and in the test under attack. */
export const EPSILON = 2 / 255;

export function quickstartRecipe(method: "vanilla" | "advprop", textureCorrelation: number): Recipe {
  return {
    name: `quickstart-${method}`,
    model: "resnet8",
    method,
    data: {
      path: "shapes",
      augmentation: { crop: 3, flip: false },
      shapes: { images: 3000, validationImages: 500, testImages: 1000, textureCorrelation },
    },
    training: { epochs: 12, batchSize: 64 },
    optimizer: { name: "sgd", lr: 0.1 },
    ...(method === "advprop" && { attack: { name: "pgd", epsilon: EPSILON, stepSize: EPSILON, steps: 1 } }),
  };
}
