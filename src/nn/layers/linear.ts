/** Affine layer. */
import type { Tensor } from "../../tensor/index.js";
import { linear } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { type Initializer, uniform, zeros } from "../initialization.js";
import { Module } from "../module.js";
import type { Parameter } from "../parameter.js";

/** [N, inputs] to [N, outputs]: x W^T + b. Weight [outputs, inputs], bias [outputs]. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  /** @param initializer of the weight; the default is uniform within 1 / sqrt(inputs); the bias starts at zero */
  constructor(inputs: number, outputs: number, initializer: Initializer = uniform(1 / Math.sqrt(inputs))) {
    super();
    this.weight = this.parameter("weight", [outputs, inputs], "weight", initializer);
    this.bias = this.parameter("bias", [outputs], "bias", zeros);
  }

  protected override compute(x: Tensor, { trainable }: ForwardContext): Tensor {
    return linear(x, this.weight.for(trainable), this.bias.for(trainable));
  }
}
