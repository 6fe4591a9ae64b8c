/** The recipes of the quickstart. Their values were chosen on validation images (docs/quickstart.md). */
import type { Recipe } from "../../recipes/schema.js";

export type QuickstartMethod = "vanilla" | "advprop";

/** Radius of the attack in training. */
export const EPSILON = 4 / 255;
/** Radius of the attack in the test. */
export const TEST_EPSILON = 2 / 255;

/** The better of two learning rates for each method. */
const RATES = { vanilla: 0.1, advprop: 0.05 };

/** Both methods have the same images, epochs and seed. Without random crops the network learns so few images by heart. */
export function quickstartRecipe(method: QuickstartMethod, seed = 0): Recipe {
  return {
    name: `quickstart-${method}`,
    model: "resnet20",
    method,
    seed,
    data: {
      path: "shapes",
      augmentation: { crop: 0, flip: false },
      shapes: { images: 2000, validationImages: 500, testImages: 2000 },
    },
    training: { epochs: 25, batchSize: 64 },
    optimizer: { name: "sgd", lr: RATES[method] },
    ...(method === "advprop" && { attack: { name: "pgd", epsilon: EPSILON, stepSize: EPSILON, steps: 1 } }),
  };
}
