/** Clean images mixed by Mixup or CutMix, and their loss. Attacks use the unmixed images with hard labels. */
import { crossEntropy } from "../../nn/loss.js";
import type { Tensor } from "../../tensor/index.js";
import { add, channelsLast, mean, mul, reversed, sub } from "../../tensor/operators.js";
import type { Batch } from "./step.js";

/**
 * The images of the clean pass: m x + (1 - m) x', where m is the mask and x' the image at the mirrored index of the batch; x without a mask.
 */
export function cleanImages({ images, mix }: Pick<Batch, "images" | "mix">): Tensor {
  if (mix === undefined) return images;
  const partners = channelsLast(reversed(images));
  return channelsLast(add(mul(images, mix), mul(partners, add(mul(mix, -1), 1))));
}

/**
 * The mean over images of s loss(y) + (1 - s) loss(y'), where s is the mean of an image's mask; the mean loss without a mask.
 *
 * @param logits [N, K] of {@link cleanImages}
 */
export function cleanLossOf(logits: Tensor, { labels, mix }: Pick<Batch, "labels" | "mix">, smoothing: number): Tensor {
  if (mix === undefined) return crossEntropy(logits, labels, smoothing);
  const own = crossEntropy(logits, labels, smoothing, "none");
  const partners = crossEntropy(logits, reversed(labels), smoothing, "none");
  return mean(add(partners, mul(sub(own, partners), mean(mix, [1, 2, 3]))));
}
