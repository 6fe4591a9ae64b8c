/** Squeeze and excitation: a gate on each channel, from the whole image. */
import type { Tensor } from "../tensor/index.js";
import { mean, mul, sigmoid, silu } from "../tensor/operators.js";
import type { ForwardContext } from "./context.js";
import { Conv2d } from "./convolution.js";
import { Module } from "./module.js";

/**
 * x * sigmoid(expand(silu(reduce(mean of x over H, W)))), [N, C, H, W] to the same shape; `reduce` and `expand` are 1x1
 * convolutions with bias.
 *
 * Source: Hu et al. 2018, https://arxiv.org/abs/1709.01507, section 3, with swish in the place of the rectifier, as
 * EfficientNet has it.
 */
export class SqueezeExcitation extends Module {
  readonly #reduce: Conv2d;
  readonly #expand: Conv2d;

  /** @param squeezed channels between the two convolutions */
  constructor(channels: number, squeezed: number) {
    super();
    this.#reduce = this.child("conv_reduce", new Conv2d(channels, squeezed, 1, { bias: true }));
    this.#expand = this.child("conv_expand", new Conv2d(squeezed, channels, 1, { bias: true }));
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const squeezed = silu(this.#reduce.forward(mean(x, [2, 3], true), context));
    return mul(x, sigmoid(this.#expand.forward(squeezed, context)));
  }
}
