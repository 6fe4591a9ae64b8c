/** EfficientNet's inverted residual as one operator of our own: by running statistics, and by the batch's. */
import { call } from "./call.js";
import { type Padding, sidesOf } from "./layers.js";
import type { Tensor } from "./tensor.js";

/** A layer's weight, and the parameters and running statistics of the norm that follows it, each float32 [C]. */
export type NormalizedLayer = readonly [weight: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor];

/** The layers of a block, with I channels of x, E expanded, S squeezed and O of the result. */
export interface InvertedResidualBlock {
  /** Weight [E, I, 1, 1]. Without it the depthwise convolution is the first layer. */
  readonly expand: NormalizedLayer | undefined;
  /** Weight [E, 1, k, k], k 3 or 5. */
  readonly depthwise: NormalizedLayer;
  /** Weights [S, E, 1, 1] and [E, S, 1, 1] and biases [S] and [E] of the gate. */
  readonly squeeze: readonly [reduce: Tensor, reduceBias: Tensor, expand: Tensor, expandBias: Tensor];
  /** Weight [O, E, 1, 1]. */
  readonly project: NormalizedLayer;
  /** Stride, 1 or 2, and padding of the depthwise convolution. */
  readonly stride: number;
  readonly padding: Padding;
  /** Of all norms. */
  readonly epsilon: number;
}

/** Whether the operators of this file take x: float32 or bfloat16 on the CPU. */
export const takesWholeBlocks = (x: Tensor): boolean =>
  x.device === "cpu" && (x.dtype === "float32" || x.dtype === "bfloat16");

/**
 * EfficientNet's inverted residual by running statistics, [N, I, H, W] to [N, O, H', W'], float32 or bfloat16 on the CPU:
 * norm(project(gate(silu(norm(depthwise(silu(norm(expand(x)))))))), each image by itself while it lies in the caches.
 * Only x has a gradient.
 *
 * @param residual whether x is added to the result
 */
export const invertedResidual = (x: Tensor, block: InvertedResidualBlock, residual: boolean): Tensor =>
  call("advprop::inverted_residual", [
    x,
    block.expand ?? [],
    block.depthwise,
    block.squeeze,
    block.project,
    block.stride,
    sidesOf(block.padding),
    block.epsilon,
    residual,
  ]);

/**
 * EfficientNet's inverted residual by the batch's statistics, up to its projection: [N, I, H, W] to [N, O, H', W'], float32 or
 * bfloat16 on the CPU, project(gate(silu(norm(depthwise(silu(norm(expand(x))))))). x and all parameters have gradients; of
 * the activations only x, expand's and depthwise's results are kept for them. The norm of the projection is not read.
 *
 * @param factors how far the running statistics of the first and the second norm move towards the batch's; 0 for not at all
 * @throws ERR_LIBTORCH shapes that do not fit; one value a channel
 */
export const invertedResidualTraining = (
  x: Tensor,
  block: InvertedResidualBlock,
  factors: readonly [number, number],
): Tensor =>
  call("advprop::inverted_residual_training", [
    x,
    block.expand ?? [],
    block.depthwise,
    block.squeeze,
    block.project[0],
    block.stride,
    sidesOf(block.padding),
    block.epsilon,
    factors,
  ]);
