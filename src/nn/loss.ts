/** Losses. */
import { UsageError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { crossEntropyLoss } from "../tensor/operators.js";

export type Reduction = "none" | "mean" | "sum";

/** libtorch's codes. */
const REDUCTIONS = { none: 0, mean: 1, sum: 2 } as const;

/**
 * Cross-entropy of logits and labels, in nats.
 *
 * The target of class k is (1 - smoothing) [k = label] + smoothing / K; the loss of a sample is
 * -sum_k target_k log softmax(logits)_k.
 *
 * @param logits    [N, K]
 * @param labels    int64 [N] in [0, K)
 * @param smoothing in [0, 1); label smoothing of Szegedy et al. 2016, https://arxiv.org/abs/1512.00567 section 7
 * @param reduction "mean" or "sum" over the batch (a scalar), or "none" (one loss a sample, [N])
 * @throws ERR_LABEL_SMOOTHING smoothing is outside [0, 1)
 */
export function crossEntropy(logits: Tensor, labels: Tensor, smoothing = 0, reduction: Reduction = "mean"): Tensor {
  if (!(smoothing >= 0 && smoothing < 1)) {
    throw new UsageError("ERR_LABEL_SMOOTHING", `crossEntropy: smoothing must be in [0, 1); got ${smoothing}`);
  }
  return crossEntropyLoss(logits, labels, REDUCTIONS[reduction], smoothing);
}
