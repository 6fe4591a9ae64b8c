/** Two-dimensional convolution. */

import type { Tensor } from "../../tensor/index.js";
import { conv2d, type Padding } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { heFanOut, zeros } from "../initialization.js";
import { Module } from "../module.js";
import type { Parameter } from "../parameter.js";

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
  readonly #groups: number;
  /** Whether it is 3x3 with stride 1 and one zero on each side, without groups or bias, and of features rather than images. */
  readonly isPlain3x3: boolean;

  constructor(inputs: number, outputs: number, size: number, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = (size - 1) / 2, groups = 1, bias = false } = options;
    this.stride = stride;
    this.#padding = padding;
    this.#groups = groups;
    this.isPlain3x3 = groups === 1 && !bias && stride === 1 && size === 3 && padding === 1 && inputs !== 3;
    this.weight = this.parameter(
      "weight",
      [outputs, inputs / groups, size, size],
      "weight",
      heFanOut(outputs, size, groups),
    );
    if (bias) this.bias = this.parameter("bias", [outputs], "bias", zeros);
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    return this.convolve(x, this.#padding, context);
  }

  /** The convolution with zeros on each side. */
  protected convolve(x: Tensor, padding: number | Padding, { trainable }: ForwardContext): Tensor {
    const bias = this.bias?.for(trainable);
    return conv2d(x, this.weight.for(trainable), { bias, stride: this.stride, padding, groups: this.#groups });
  }
}
