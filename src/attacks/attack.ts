/** The interface of attacks. An attack gets a logits function, not a model, so the caller decides the batch norms. */
import type { SampleKeys } from "../nn/keys.js";
import type { Tensor } from "../tensor/index.js";

/** Maps images [N, 3, H, W], pixels in [0, 1], to logits [N, K], inside the graph of its argument. */
export type LogitsFunction = (images: Tensor) => Tensor;

export interface Attack {
  /**
   * Adversarial images for a batch.
   *
   * @param logits the function under attack
   * @param images [N, 3, H, W], pixels in [0, 1]
   * @param labels int64 [N]
   * @param keys   keys of the random draws: a sample gets the same start and target in any batch
   * @returns      [N, 3, H, W] in [0, 1], without a graph; for all attacks but GD also within the threat model's ball around
   *               the images
   */
  perturb(logits: LogitsFunction, images: Tensor, labels: Tensor, keys: SampleKeys): Tensor;
}
