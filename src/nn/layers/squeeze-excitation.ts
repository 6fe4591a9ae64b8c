/** Squeeze and excitation: a gate on each channel, from the whole image. */
import type { Tensor } from "../../tensor/index.js";
import { squeezeExcitation } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { heFanOut, zeros } from "../initialization.js";
import { Module } from "../module.js";

/**
 * x * sigmoid(expand(silu(reduce(mean of x over H, W)))), [N, C, H, W] to the same shape; `reduce` and `expand` are 1x1
 * convolutions with bias.
 *
 * Source: Hu et al. 2018, https://arxiv.org/abs/1709.01507, section 3, with swish in the place of the rectifier, as
 * EfficientNet has it.
 */
export class SqueezeExcitation extends Module {
  readonly #reduce: GateConvolution;
  readonly #expand: GateConvolution;

  /** @param squeezed channels between the two convolutions */
  constructor(channels: number, squeezed: number) {
    super();
    this.#reduce = this.child("conv_reduce", new GateConvolution(channels, squeezed));
    this.#expand = this.child("conv_expand", new GateConvolution(squeezed, channels));
  }

  /** Weights and biases of a pass: those of the reduction, then those of the expansion. */
  operands(trainable: boolean): readonly [Tensor, Tensor, Tensor, Tensor] {
    const reduce = this.#reduce;
    const expand = this.#expand;
    return [
      reduce.weight.for(trainable),
      reduce.bias.for(trainable),
      expand.weight.for(trainable),
      expand.bias.for(trainable),
    ];
  }

  protected override compute(x: Tensor, { trainable }: ForwardContext): Tensor {
    return squeezeExcitation(x, ...this.operands(trainable));
  }
}

/** The parameters of a 1x1 convolution with bias, which the block computes with itself. */
class GateConvolution extends Module {
  readonly weight;
  readonly bias;

  constructor(inputs: number, outputs: number) {
    super();
    this.weight = this.parameter("weight", [outputs, inputs, 1, 1], "weight", heFanOut(outputs, 1, 1));
    this.bias = this.parameter("bias", [outputs], "bias", zeros);
  }

  protected override compute(): Tensor {
    throw new Error("the gate's convolutions are computed by their block");
  }
}
