/** Clean images mixed by Mixup or CutMix, and their loss. Attacks see the images unmixed, with hard labels. */
import { crossEntropy } from "../../nn/loss.js";
import type { Tensor } from "../../tensor/index.js";
import { add, channelsLast, mean, mul, reversed, sub } from "../../tensor/operators.js";
import type { Batch } from "./step.js";

/** Images as the clean pass takes them: m x + (1 - m) x', m the mask and x' the image of the opposite place; without a mask x. */
export function cleanImages({ images, mix }: Pick<Batch, "images" | "mix">): Tensor {
  if (mix === undefined) return images;
  const partners = channelsLast(reversed(images));
  return channelsLast(add(mul(images, mix), mul(partners, add(mul(mix, -1), 1))));
}

/**
 * The mean over images of s loss(y) + (1 - s) loss(y'), s the mean of an image's mask; without a mask the mean loss.
 *
 * @param logits [N, K] of {@link cleanImages}
 */
export function cleanLossOf(logits: Tensor, { labels, mix }: Pick<Batch, "labels" | "mix">, smoothing: number): Tensor {
  if (mix === undefined) return crossEntropy(logits, labels, smoothing);
  const own = crossEntropy(logits, labels, smoothing, "none");
  const partners = crossEntropy(logits, reversed(labels), smoothing, "none");
  return mean(add(partners, mul(sub(own, partners), mean(mix, [1, 2, 3]))));
}
