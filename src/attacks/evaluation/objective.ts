/**
 * The objectives that evaluation attacks maximise, one value for each image. Croce and Hein 2020, "Reliable evaluation of
 * adversarial robustness with an ensemble of diverse parameter-free attacks", https://arxiv.org/abs/2003.01690
 */
import { UsageError } from "../../errors.js";
import { crossEntropy } from "../../nn/loss.js";
import { scope, type Tensor } from "../../tensor/index.js";
import {
  add,
  amax,
  argmax,
  div,
  equal,
  fallingOrder,
  largest,
  mul,
  pick,
  replaceAt,
  reshape,
  select,
  sub,
} from "../../tensor/operators.js";
import type { LogitsFunction } from "../attack.js";

/** Maps logits [N, K] to [N]; a larger value is nearer to the attack's aim. */
export type Objective = (logits: Tensor) => Tensor;

/** Cross-entropy of the labels, int64 [N]; maximising it is an untargeted attack. */
export const crossEntropyFrom =
  (labels: Tensor): Objective =>
  (logits) =>
    crossEntropy(logits, labels, 0, "none");

/** The published code adds this to avoid a division by zero if the largest logits are equal. */
const GUARD = 1e-12;

/**
 * Difference of logits ratio: -(z_y - max_{i != y} z_i) / (z_1 - z_3), where z_1 >= z_2 >= z_3 are the largest logits. It is positive
 * if the image is misclassified. Shifting or scaling the logits does not change it, so its gradient does not vanish for a confident
 * network.
 *
 * Source: equation (6)
 *
 * @param labels int64 [N]
 * @throws ERR_CLASSES there are fewer than 3 classes
 */
export function dlr(labels: Tensor): Objective {
  return (logits) => {
    const top = largestOf(logits, 3, "dlr");
    const spread = sub(select(top, 1, 0), select(top, 1, 2));
    return div(sub(largestOther(logits, labels), pick(logits, labels)), add(spread, GUARD));
  };
}

/**
 * Targeted difference of logits ratio: -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2).
 *
 * Source: equation (7)
 *
 * @param labels  int64 [N]
 * @param targets int64 [N]
 * @throws ERR_CLASSES there are fewer than 4 classes
 */
export function targetedDlr(labels: Tensor, targets: Tensor): Objective {
  return (logits) => {
    const top = largestOf(logits, 4, "targetedDlr");
    const middle = mul(add(select(top, 1, 2), select(top, 1, 3)), 0.5);
    return div(sub(pick(logits, targets), pick(logits, labels)), add(sub(select(top, 1, 0), middle), GUARD));
  };
}

/** The largest logit that is not the label's, [N]. */
function largestOther(logits: Tensor, labels: Tensor): Tensor {
  return reshape(amax(replaceAt(logits, labels, Number.NEGATIVE_INFINITY), [1]), [labels.size]);
}

function largestOf(logits: Tensor, count: number, what: string): Tensor {
  const classes = logits.shape[1];
  if (classes >= count) return largest(logits, count);
  throw new UsageError(
    "ERR_CLASSES",
    `${what}: the classifier must have at least ${count} classes, because the ratio uses the ${count} largest logits; got ${classes}. Use cross-entropy`,
  );
}

/**
 * The wrong class of a rank: rank 1 is the most probable wrong class. Classes of equal logits keep their order.
 *
 * @param logits [N, K]
 * @param labels int64 [N]
 * @returns      int64 [N], never the label
 * @throws ERR_CLASSES there are fewer wrong classes than `rank`
 */
export function rankedTargets(logits: Tensor, labels: Tensor, rank: number): Tensor {
  const classes = logits.shape[1];
  if (!Number.isInteger(rank) || rank < 1 || rank >= classes) {
    throw new UsageError(
      "ERR_CLASSES",
      `rankedTargets: the rank of a target must be in [1, ${classes - 1}], as there are ${classes} classes; got ${rank}`,
    );
  }
  // The label's logit is sorted to the end.
  return scope(() => select(fallingOrder(replaceAt(logits, labels, Number.NEGATIVE_INFINITY)), 1, rank - 1));
}

/** Tells which images are misclassified. */
export function misclassified(logits: LogitsFunction, images: Tensor, labels: Tensor): boolean[] {
  return scope(() => wrong(logits(images), labels));
}

/** Tells for each row of logits [N, K] whether its largest value is not at the label. */
export const wrong = (logits: Tensor, labels: Tensor): boolean[] =>
  scope(() =>
    equal(argmax(logits, 1), labels)
      .toNumbers()
      .map((same) => same === 0),
  );
