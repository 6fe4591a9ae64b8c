/** The number of epochs of a recipe. */
import type { ResolvedRecipe } from "../schema.js";

/**
 * `training.epochs`, except for Fast AdvProp. Its epoch costs 1 + p times as much as one of vanilla training, where p is the share of
 * attacked images. It therefore trains `training.epochs` / (1 + p) epochs, rounded, so that both methods cost the same. Milestones and
 * decays of a schedule are given in epochs of the recipe and are scaled in the same way.
 *
 * Source: Mei et al. 2022, https://arxiv.org/abs/2204.09838: 105 epochs become 105 / 1.2, 88 in the published script
 */
export function epochsOf({ training }: Pick<ResolvedRecipe, "training">): number {
  const { epochs, adversarialShare = 0 } = training;
  return Math.max(1, Math.round(epochs / (1 + adversarialShare)));
}
