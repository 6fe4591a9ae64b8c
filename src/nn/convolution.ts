/** Two-dimensional convolution. */

import type { Tensor } from "../tensor/index.js";
import { conv2d } from "../tensor/operators.js";
import type { ForwardContext } from "./context.js";
import { heFanOut, zeros } from "./initialization.js";
import { Module } from "./module.js";
import type { Parameter } from "./parameter.js";

export interface Conv2dOptions {
  readonly stride?: number;
  /** Zeros on each side; the default keeps the size at stride 1: (size - 1) / 2. */
  readonly padding?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** [N, inputs, H, W] to [N, outputs, H', W'], H' = floor((H + 2 padding - size) / stride) + 1. Weight [outputs, inputs / groups, size, size]. */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  protected readonly stride: number;
  readonly #padding: number;
  protected readonly groups: number;

  constructor(inputs: number, outputs: number, size: number, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = (size - 1) / 2, groups = 1, bias = false } = options;
    this.stride = stride;
    this.#padding = padding;
    this.groups = groups;
    this.weight = this.parameter(
      "weight",
      [outputs, inputs / groups, size, size],
      "weight",
      heFanOut(outputs, size, groups),
    );
    if (bias) this.bias = this.parameter("bias", [outputs], "bias", zeros);
  }

  protected override compute(x: Tensor, { trainable }: ForwardContext): Tensor {
    return conv2d(x, this.weight.for(trainable), this.bias?.for(trainable), this.stride, this.#padding, this.groups);
  }
}
