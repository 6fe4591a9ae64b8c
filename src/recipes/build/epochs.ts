/** How many epochs a recipe trains. */
import type { ResolvedRecipe } from "../schema.js";

/**
 * `training.epochs`, which for Fast AdvProp are those of vanilla training at the same cost: an epoch of it costs 1 + p times as much, p the
 * share of attacked images, and there are as many fewer, rounded. Milestones and decays of a schedule, which are in epochs of the
 * recipe, move with them.
 *
 * Source: Mei et al. 2022, https://arxiv.org/abs/2204.09838: 105 epochs become 105 / 1.2, 88 in the published script
 */
export function epochsOf({ training }: Pick<ResolvedRecipe, "training">): number {
  const { epochs, adversarialShare = 0 } = training;
  return Math.max(1, Math.round(epochs / (1 + adversarialShare)));
}
