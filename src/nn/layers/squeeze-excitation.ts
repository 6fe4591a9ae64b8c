/** Squeeze and excitation: a gate on each channel, from the whole image. */
import type { Tensor } from "../../tensor/index.js";
import { channelsLast, permute, squeezeExcitation } from "../../tensor/operators.js";
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

  /** Weights and biases outside of every graph, as the inverted residual by running statistics takes them. */
  get gate(): readonly [Tensor, Tensor, Tensor, Tensor] {
    const { turned } = this;
    const weight = this.#reduce.weight.data;
    // One list as long as its weights are the same: a step asks for it hundreds of times.
    if (this.#gate?.[0] !== weight || this.#gate[2] !== turned) {
      this.#gate = [weight, this.#reduce.bias.data, turned, this.#expand.bias.data];
    }
    return this.#gate;
  }

  #gate: readonly [Tensor, Tensor, Tensor, Tensor] | undefined;

  /** The expanding weight turned, [squeezed, channels, 1, 1], outside of every graph. */
  get turned(): Tensor {
    return this.#expand.weight.derived("turned", turn);
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

const turn = (weight: Tensor): Tensor => channelsLast(permute(weight, [1, 0, 2, 3]));

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
