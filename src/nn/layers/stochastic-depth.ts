/** Stochastic depth: residual branches that are left out at random. */
import { Purpose } from "../../random.js";
import { scope, type Tensor } from "../../tensor/index.js";
import { mul } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { randomMask } from "./random-mask.js";

/**
 * In a stochastic pass, zeroes the whole branch of each image with probability 1 - survival and divides the branches
 * that stay by `survival`; in other passes, and with survival 1, gives x itself. x is [N, C, H, W].
 *
 * Source: Huang et al. 2016, https://arxiv.org/abs/1603.09382. Departure: by image rather than by batch, and scaled in
 * training rather than in evaluation, as EfficientNet's official code does.
 *
 * @param survival in (0, 1]
 * @param block    the position of the block in its network, which keys its draws
 * @throws ERR_CONTEXT the pass is stochastic and its context has no keys for these images
 */
export function stochasticDepth(x: Tensor, survival: number, block: number, context: ForwardContext): Tensor {
  if (!context.stochastic || survival === 1) return x;
  const draws = { purpose: Purpose.stochasticDepth, stream: block, layer: "stochastic depth" };
  return scope(() => mul(x, randomMask(x, [1, 1, 1], survival, context, draws)));
}
