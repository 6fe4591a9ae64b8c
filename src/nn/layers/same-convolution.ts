/** Convolution with TensorFlow's 'SAME' padding. */
import type { Tensor } from "../../tensor/index.js";
import type { Padding } from "../../tensor/operators.js";
import type { ForwardContext } from "../context.js";
import { Conv2d, type Conv2dOptions } from "./convolution.js";

/**
 * Zeros before and after one dimension such that the output has ceil(length / stride) elements: together
 * max((ceil(length / stride) - 1) * stride + size - length, 0), the smaller half before.
 *
 * Source: TensorFlow, "Notes on padding", https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
 */
export function samePadding(length: number, size: number, stride: number): readonly [before: number, after: number] {
  const total = Math.max((Math.ceil(length / stride) - 1) * stride + size - length, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/**
 * [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]. The padding follows from the size of each input;
 * with stride 2 and an even size there is one zero more after than before, so that weights trained in TensorFlow see
 * what they were trained on. Weight [outputs, inputs / groups, size, size].
 */
export class SameConv2d extends Conv2d {
  readonly #size: number;
  /** The padding of the last input, and that input's sides. */
  #last: { readonly height: number; readonly width: number; readonly padding: Padding } | undefined;

  constructor(inputs: number, outputs: number, size: number, options: Omit<Conv2dOptions, "padding"> = {}) {
    super(inputs, outputs, size, { ...options, padding: 0 });
    this.#size = size;
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    return this.convolve(x, this.padding(x), context);
  }

  /** The zeros around an input. */
  padding(x: Tensor): Padding {
    const shape = x.shape;
    const height = shape[2];
    const width = shape[3];
    if (this.#last?.height !== height || this.#last.width !== width) {
      const [top, bottom] = samePadding(height, this.#size, this.stride);
      const [left, right] = samePadding(width, this.#size, this.stride);
      this.#last = { height, width, padding: { left, right, top, bottom } };
    }
    return this.#last.padding;
  }
}
