/** EfficientNet's inverted residual by running statistics, as one operator of our own. */
import { call } from "./call.js";
import type { Padding } from "./operators.js";
import type { Tensor } from "./tensor.js";

/**
 * A layer's weight, by {@link packPointwise} or {@link packDepthwise} for x's dtype, and the parameters and running statistics of
 * the norm that follows it, each float32 [C].
 */
export type NormalizedLayer = readonly [packed: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor];

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
/** A weight [C, 1, k, k] in the order in which {@link invertedResidual} reads it. */
export const packDepthwise = (weight: Tensor, stride: number, dtype: "float32" | "bfloat16"): Tensor =>
  call("advprop::pack_depthwise", [weight, stride, dtype]);
