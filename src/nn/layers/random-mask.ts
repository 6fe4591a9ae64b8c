/** Random masks of stochastic passes: what dropout and stochastic depth share. */
import { UsageError } from "../../errors.js";
import type { Tensor } from "../../tensor/index.js";
import { cast, keyedUniform, less, mul } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { drawFor } from "../keys.js";

/** Which draws a mask takes. See src/random.ts. */
export interface MaskDraws {
  readonly purpose: number;
  /** Tells the layers of one network apart. */
  readonly stream: number;
  /** Names the layer in messages. */
  readonly layer: string;
}

/**
 * [N, ...shape] like the dtype of x: 1 / survival where a draw is below `survival`, else 0, so that the mean over draws
 * is 1. The draws of an image are keyed by its sample: they depend neither on the other images of the batch nor on the
 * route, so that the clean and the adversarial pass of one step, and all passes of one attack, meet the same masks.
 *
 * @throws ERR_CONTEXT the context has no keys, or not one for each image
 */
export function randomMask(
  x: Tensor,
  shape: readonly number[],
  survival: number,
  { keys }: ForwardContext,
  { purpose, stream, layer }: MaskDraws,
): Tensor {
  if (keys === undefined) {
    throw new UsageError(
      "ERR_CONTEXT",
      `${layer}: a stochastic pass needs the keys of its samples; got none. Give keys in the context, or stochastic: false`,
    );
  }
  if (keys.samples.size !== x.shape[0]) {
    throw new UsageError(
      "ERR_CONTEXT",
      `${layer}: there must be one key for each image of the batch; got ${keys.samples.size} for ${x.shape[0]} images`,
    );
  }
  const draws = drawFor(keys, { purpose, stream }, (samples, key) => keyedUniform(samples, shape, key));
  return mul(cast(less(draws, survival), x.dtype), 1 / survival);
}
