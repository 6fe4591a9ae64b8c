/** EfficientNet's inverted residual as one operator of our own: by running statistics, and by the batch's. */
import { call } from "./call.js";
import type { Padding } from "./operators.js";
import type { Tensor } from "./tensor.js";

/**
 * A layer's weight, by {@link packPointwise} or {@link packDepthwise} for x's dtype or, in training, as it is, and the parameters
 * and running statistics of the norm that follows it, each float32 [C].
 */
export type NormalizedLayer = readonly [weight: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor];

export interface InvertedResidualArguments {
  /** Without it the depthwise convolution is the first layer. */
  readonly expand: NormalizedLayer | undefined;
  readonly depthwise: NormalizedLayer;
  /** Weights [S, E] and biases [S] and [E] of the gate; the second weight is turned. */
  readonly squeeze: readonly [reduce: Tensor, reduceBias: Tensor, expandTurned: Tensor, expandBias: Tensor];
  readonly project: NormalizedLayer;
  /** Side of the depthwise kernel: 3 or 5. */
  readonly size: number;
  /** 1 or 2 */
  readonly stride: number;
  readonly padding: Padding;
  /** Of all norms. */
  readonly epsilon: number;
  /** Whether x is added to the result. */
  readonly residual: boolean;
}

/**
 * EfficientNet's inverted residual by running statistics, [N, I, H, W] to [N, O, H', W'], float32 or bfloat16 on the CPU:
 * norm(project(gate(silu(norm(depthwise(silu(norm(expand(x)))))))) + x, each image by itself while it lies in the caches.
 * Only x has a gradient.
 */
export const invertedResidual = (x: Tensor, a: InvertedResidualArguments): Tensor => {
  const { left, right, top, bottom } = a.padding;
  return call("advprop::inverted_residual", [
    x,
    a.expand ?? [],
    a.depthwise,
    a.squeeze,
    a.project,
    a.size,
    a.stride,
    [left, right, top, bottom],
    a.epsilon,
    a.residual,
  ]);
};

export interface InvertedResidualTrainingArguments {
  /** Without it the depthwise convolution is the first layer. */
  readonly expand: NormalizedLayer | undefined;
  readonly depthwise: NormalizedLayer;
  /** Weights [S, E, 1, 1] and [E, S, 1, 1] and biases [S] and [E] of the gate. */
  readonly squeeze: readonly [reduce: Tensor, reduceBias: Tensor, expand: Tensor, expandBias: Tensor];
  /** Weight [O, E, 1, 1]. */
  readonly project: Tensor;
  /** The weights as they are read for x's dtype, by {@link packPointwise} and {@link packDepthwise}, and the gate's second one turned. */
  readonly packed: {
    readonly expand: Tensor | undefined;
    readonly depthwise: Tensor;
    readonly project: Tensor;
    readonly turned: Tensor;
  };
  readonly size: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly epsilon: number;
  /** How far the running statistics of the first and the second norm move towards the batch's; 0 for not at all. */
  readonly factors: readonly [number, number];
}

/**
 * EfficientNet's inverted residual by the batch's statistics, up to its projection: [N, I, H, W] to [N, O, H', W'], float32 or
 * bfloat16 on the CPU, project(gate(silu(norm(depthwise(silu(norm(expand(x))))))). x and all parameters have gradients; of
 * the activations only x, expand's and depthwise's results are kept for them.
 *
 * @throws ERR_LIBTORCH shapes that do not fit; one value a channel
 */
export const invertedResidualTraining = (x: Tensor, a: InvertedResidualTrainingArguments): Tensor => {
  const { left, right, top, bottom } = a.padding;
  const { expand, depthwise, project, turned } = a.packed;
  return call("advprop::inverted_residual_training", [
    x,
    a.expand ?? [],
    a.depthwise,
    a.squeeze,
    a.project,
    [expand ?? project, depthwise, project, turned],
    a.size,
    a.stride,
    [left, right, top, bottom],
    a.epsilon,
    a.factors,
  ]);
};

/** A weight [C, 1, k, k] in the order in which both forms read it. */
export const packDepthwise = (weight: Tensor, stride: number, dtype: "float32" | "bfloat16"): Tensor =>
  call("advprop::pack_depthwise", [weight, stride, dtype]);
