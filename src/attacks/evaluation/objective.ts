/**
 * What an attack at evaluation maximises, one value for each image. Croce and Hein 2020, "Reliable evaluation of
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

/** Maps logits [N, K] to [N], larger where the attack is nearer its aim. */
export type Objective = (logits: Tensor) => Tensor;

/** Cross-entropy away from the labels, int64 [N]. */
export const crossEntropyFrom =
  (labels: Tensor): Objective =>
  (logits) =>
    crossEntropy(logits, labels, 0, "none");

/** The published code's guard against a division by zero, where the largest logits are equal. */
const GUARD = 1e-12;

/**
 * Difference of logits ratio: -(z_y - max_{i != y} z_i) / (z_1 - z_3), z_1 >= z_2 >= z_3 the largest logits. Positive
 * where the image is misclassified; neither a shift nor a scale of the logits changes it, so that a confident network
 * does not make its gradient vanish.
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
    `${what}: the classifier must have at least ${count} classes, since the ratio needs its ${count} largest logits; got ${classes}. Use cross-entropy`,
  );
}

/**
 * The class that is likely at place `rank` among the wrong ones: 1 for the likeliest. Equal logits in the order of the
 * classes.
 *
 * @param logits [N, K]
 * @param labels int64 [N]
 * @returns      int64 [N], never the label
 * @throws ERR_CLASSES there are not that many wrong classes
 */
export function rankedTargets(logits: Tensor, labels: Tensor, rank: number): Tensor {
  const classes = logits.shape[1];
  if (!Number.isInteger(rank) || rank < 1 || rank >= classes) {
    throw new UsageError(
      "ERR_CLASSES",
      `rankedTargets: the rank of a target must be in [1, ${classes - 1}], as there are ${classes} classes; got ${rank}`,
    );
  }
  // The label's own logit goes to the end of the order.
  return scope(() => select(fallingOrder(replaceAt(logits, labels, Number.NEGATIVE_INFINITY)), 1, rank - 1));
}

/** Which images are classified as something else than their labels. */
export function misclassified(logits: LogitsFunction, images: Tensor, labels: Tensor): boolean[] {
  return scope(() => wrong(logits(images), labels));
}

/** Which rows of logits [N, K] are not the largest at their labels. */
export const wrong = (logits: Tensor, labels: Tensor): boolean[] =>
  scope(() =>
    equal(argmax(logits, 1), labels)
      .toNumbers()
      .map((same) => same === 0),
  );
