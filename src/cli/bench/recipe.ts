/** From the flags of the benchmark to a recipe. */
import { changeRecipe, resolveRecipe } from "../../recipes/resolve.js";
import type { Recipe, ResolvedRecipe } from "../../recipes/schema.js";
import { BENCH_FLAGS, changesOf } from "../flags/flags.js";

/** The optimiser that a network was published with. */
const publishedOptimizer = (model: string): Recipe["optimizer"] =>
  model.startsWith("efficientnet-") ? { name: "rmsprop" } : { name: "sgd" };

/** Steps of the attack unless told, whatever the network: figures of different networks are of the same attack. */
const ATTACK_STEPS = 5;

/** A recipe with the values of the flags, and the optimiser of the network. @throws ERR_SETTING a value is wrong */
export function benchRecipe(options: Readonly<Record<string, unknown>>): ResolvedRecipe {
  const changes = changesOf(BENCH_FLAGS, options);
  // A policy, which fine-grained AdvProp needs, changes no time of a step; another method takes it as it is.
  const augmented: Recipe = { data: { augmentation: { autoAugment: "v0" } } };
  const { model } = resolveRecipe(changeRecipe(augmented, changes));
  const unlessTold = { ...augmented, optimizer: publishedOptimizer(model), attack: { steps: ATTACK_STEPS } };
  return resolveRecipe(changeRecipe(unlessTold, changes));
}
