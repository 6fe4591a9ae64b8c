/** Two-dimensional convolution. */

import type { DType, Tensor } from "../../tensor/index.js";
import { packDepthwise } from "../../tensor/inverted-residual.js";
import {
  cast,
  conv2d,
  conv2d3x3,
  depthwiseConv2d,
  imageConv2d,
  type Padding,
  packPointwise,
  pad2d,
  pointwiseConv2d,
  stridedConv2d,
} from "../../tensor/operators.js";
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
  readonly #depthwise: boolean;
  /** Without groups or bias. */
  readonly #dense: boolean;
  readonly #pointwise: boolean;
  /** Whether it takes images: three channels, without groups or bias. */
  readonly #ofImages: boolean;
  /** Whether it is 3x3 with stride 1 and one zero on each side, without groups or bias. */
  readonly isPlain3x3: boolean;

  constructor(inputs: number, outputs: number, size: number, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = (size - 1) / 2, groups = 1, bias = false } = options;
    this.stride = stride;
    this.#padding = padding;
    this.#groups = groups;
    this.#depthwise = groups === inputs && groups === outputs && !bias;
    this.#dense = groups === 1 && !bias;
    this.#ofImages = this.#dense && inputs === 3;
    this.#pointwise = this.#dense && stride === 1 && size === 1 && padding === 0;
    this.isPlain3x3 = this.#dense && stride === 1 && size === 3 && padding === 1 && inputs !== 3;
    this.weight = this.parameter(
      "weight",
      [outputs, inputs / groups, size, size],
      "weight",
      heFanOut(outputs, size, groups),
    );
    if (bias) this.bias = this.parameter("bias", [outputs], "bias", zeros);
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    const padding = this.#padding;
    return this.convolve(x, { left: padding, right: padding, top: padding, bottom: padding }, context);
  }

  /** The convolution with zeros on each side. */
  protected convolve(x: Tensor, padding: Padding, { trainable }: ForwardContext): Tensor {
    // Our operators take float32 weights with activations of any dtype.
    if (this.#depthwise) return depthwiseConv2d(x, this.weight.for(trainable), this.stride, padding);
    if (this.#pointwise) {
      return pointwiseConv2d(x, this.weight.for(trainable), isOurs(x.dtype) ? this.packed(x.dtype) : undefined);
    }
    if (this.#ofImages) return imageConv2d(x, this.weight.for(trainable), this.stride, padding);
    if (this.isPlain3x3) return conv2d3x3(x, this.weight.for(trainable));
    if (this.#dense) return stridedConv2d(x, this.weight.for(trainable), this.stride, padding);
    const weight = cast(this.weight.for(trainable), x.dtype);
    const bias = this.bias === undefined ? undefined : cast(this.bias.for(trainable), x.dtype);
    const { left, right, top, bottom } = padding;
    // Even padding is left to the convolution, which needs no padded copy of its input.
    if (top === bottom && left === right) return conv2d(x, weight, bias, this.stride, [top, left], this.#groups);
    return conv2d(pad2d(x, left, right, top, bottom), weight, bias, this.stride, 0, this.#groups);
  }

  /** The weight of a pointwise or depthwise convolution as our operators read it, for activations of a dtype. */
  packed(dtype: "float32" | "bfloat16"): Tensor {
    return this.weight.derived(PACKED[dtype], this.#pack[dtype]);
  }

  // Made once: an attack asks for packed weights hundreds of times a step.
  readonly #pack = { float32: this.#packFor("float32"), bfloat16: this.#packFor("bfloat16") };

  #packFor(dtype: "float32" | "bfloat16"): (weight: Tensor) => Tensor {
    return (weight) => (this.#depthwise ? packDepthwise(weight, this.stride, dtype) : packPointwise(weight, dtype));
  }
}

/** What packed weights are called among the tensors derived from a parameter. */
const PACKED = { float32: "packed for float32", bfloat16: "packed for bfloat16" } as const;

/** Whether activations of a dtype have kernels of our own. */
export const isOurs = (dtype: DType): dtype is "float32" | "bfloat16" => dtype === "float32" || dtype === "bfloat16";
