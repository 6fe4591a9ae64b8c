/** The learning rate for another number of images per update. */
import type { ResolvedRecipe } from "../schema.js";

/**
 * The optimizer with its rate scaled in proportion to the images of an update: the linear rule (Goyal et al. 2017, section 2.1,
 * https://arxiv.org/abs/1706.02677).
 *
 * @param share images of an update, as a share of the number that the rate is for
 */
export const scaledRate = (optimizer: ResolvedRecipe["optimizer"], share: number): ResolvedRecipe["optimizer"] => ({
  ...optimizer,
  lr: optimizer.lr * share,
});
