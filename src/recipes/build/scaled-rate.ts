/** The learning rate of a recipe where an update has other images than it is for. */
import type { ResolvedRecipe } from "../schema.js";

/**
 * The optimizer with a rate that is scaled as the images of an update are: the linear rule (Goyal et al. 2017, section 2.1,
 * https://arxiv.org/abs/1706.02677).
 *
 * @param share images of an update, as a share of those that the rate is for
 */
export const scaledRate = (optimizer: ResolvedRecipe["optimizer"], share: number): ResolvedRecipe["optimizer"] => ({
  ...optimizer,
  lr: optimizer.lr * share,
});
