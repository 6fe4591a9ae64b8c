/** Dropout. */
import { Purpose } from "../../random.js";
import { scope, type Tensor } from "../../tensor/index.js";
import { mul } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { randomMask } from "./random-mask.js";

/**
 * In a stochastic pass, zeroes each feature with probability `rate` and divides the others by 1 - rate; in other passes,
 * and with rate 0, gives x itself. x is [N, C].
 *
 * Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, scaled in training as all frameworks do.
 *
 * @param rate in [0, 1)
 * @throws ERR_CONTEXT the pass is stochastic and its context has no keys for these images
 */
export function dropout(x: Tensor, rate: number, context: ForwardContext): Tensor {
  if (!context.stochastic || rate === 0) return x;
  const draws = { purpose: Purpose.dropout, stream: 0, layer: "dropout" };
  return scope(() => mul(x, randomMask(x, x.shape.slice(1), 1 - rate, context, draws)));
}
