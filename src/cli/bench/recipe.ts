/** Turns the flags of the benchmark into a recipe. */
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { BENCH_FLAGS, changesOf } from "../flags/flags.js";

/** The optimiser that a network was published with. */
const publishedOptimizer = (model: string): Recipe["optimizer"] =>
  model.startsWith("efficientnet-") ? { name: "rmsprop" } : { name: "sgd" };

/** Default number of attack steps. It is the same for all networks, so that their times can be compared. */
const ATTACK_STEPS = 5;

/** A recipe with the values of the flags, and the optimiser that the network was published with. @throws ERR_SETTING a value is wrong */
export function benchRecipe(options: Readonly<Record<string, unknown>>): ResolvedRecipe {
  const changes = changesOf(BENCH_FLAGS, options);
  // Fine-grained AdvProp needs an augmentation policy. The policy does not change the time of a step, so every method gets it.
  const augmented: Recipe = { data: { augmentation: { autoAugment: "v0" } } };
  const { model } = resolveRecipe(changeRecipe(augmented, changes));
  const unlessTold = { ...augmented, optimizer: publishedOptimizer(model), attack: { steps: ATTACK_STEPS } };
  return resolveRecipe(changeRecipe(unlessTold, changes));
}
