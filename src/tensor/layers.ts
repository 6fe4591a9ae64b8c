/** What networks are made of, as operators: convolutions, norms, pooling, the loss; each with its gradient. */
import { call } from "./call.js";
import type { Tensor } from "./tensor.js";

/** Zeros on each side of the two last dimensions. */
export interface Padding {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Padding as operators take it. */
export const sidesOf = ({ left, right, top, bottom }: Padding) => [left, right, top, bottom] as const;

export interface ConvolutionOptions {
  /** [O] */
  readonly bias?: Tensor;
  readonly stride?: number;
  /** Zeros on each side; a number is for all sides. The default is 0. */
  readonly padding?: number | Padding;
  readonly groups?: number;
}

/**
 * [N, I, H, W] with weight [O, I / groups, k, k] to [N, O, H', W'], H' = floor((H + top + bottom - k) / stride) + 1.
 *
 * On the CPU, float32 and bfloat16 have kernels of ours for depthwise convolution and for convolution without groups and
 * bias. They sum in float32 and write no padded copy. The weight can be float32 while x is bfloat16, and its gradient has
 * the weight's dtype. Only gradients that are wanted are computed. Every other case is libtorch's convolution.
 *
 * @throws ERR_LIBTORCH shapes that do not fit, or a kernel that is larger than the padded input
 */
export const conv2d = (
  x: Tensor,
  weight: Tensor,
  { bias, stride = 1, padding = 0, groups = 1 }: ConvolutionOptions = {},
): Tensor => {
  const sides = typeof padding === "number" ? ([padding, padding, padding, padding] as const) : sidesOf(padding);
  return call("advprop::conv2d", [x, weight, bias, stride, sides, groups]);
};

/** [N, C] with weight [O, C] to [N, O]: x weight^T + bias. */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => call("aten::linear", [x, weight, bias]);
export const maxPool2d = (x: Tensor, size: number, stride: number, padding: number): Tensor =>
  call("advprop::max_pool2d", [x, size, stride, padding]);
export const avgPool2d = (x: Tensor, size: number, stride: number): Tensor =>
  call("aten::avg_pool2d", [x, [size, size], [stride, stride]]);
/** What {@link batchNorm} normalises by, and what it does afterwards. */
export interface BatchNormArguments {
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly runningMean: Tensor | undefined;
  readonly runningVariance: Tensor | undefined;
  /** Whether the statistics are the batch's, towards whose mean and unbiased variance the running ones, where given, move by `factor`. */
  readonly batch: boolean;
  readonly factor: number;
  readonly epsilon: number;
  /** Added before the activation. */
  readonly residual: Tensor | undefined;
  readonly activation: Activation;
}

/** relu6 is min(max(x, 0), 6). */
export type Activation = "identity" | "relu" | "silu" | "relu6";

/** What our batch norm calls them. */
export const ACTIVATION_CODES = { identity: 0, relu: 1, silu: 2, relu6: 3 } as const;

/** activation(scale * (x - mean) / sqrt(variance + epsilon) + shift + residual) by channel, [N, C, H, W]. */
export function batchNorm(x: Tensor, a: BatchNormArguments): Tensor {
  return call("advprop::batch_norm", [
    x,
    a.scale,
    a.shift,
    a.residual,
    a.runningMean,
    a.runningVariance,
    a.batch,
    a.factor,
    a.epsilon,
    ACTIVATION_CODES[a.activation],
  ]);
}

/**
 * The same norm by the statistics over all ranks of the process's group, without residual and activation. Every rank must come to it; so
 * must the backward pass, whose gradient of x is that of the sum of all ranks' losses.
 *
 * @throws ERR_RANK a rank is gone, or there is no group
 */
export const syncedBatchNorm = (x: Tensor, a: Omit<BatchNormArguments, "batch" | "residual" | "activation">): Tensor =>
  call("advprop::synced_norm", [x, a.scale, a.shift, a.runningMean, a.runningVariance, a.factor, a.epsilon]);

/** An activation by its name. */
export function activate(x: Tensor, activation: Activation): Tensor {
  if (activation === "identity") return x;
  return activation === "relu6" ? call("aten::clamp", [x, 0, 6]) : call(`aten::${activation}`, [x]);
}

/**
 * The 3x3 {@link conv2d} with stride 1 and one zero on each side of relu(norm(x)), which is computed wherever it is needed rather than kept: for the gradient the operator
 * holds x alone.
 */
export const normReluConv2d3x3 = (
  x: Tensor,
  a: Omit<BatchNormArguments, "residual" | "activation">,
  weight: Tensor,
): Tensor =>
  call("advprop::norm_relu_conv2d_3x3", [
    x,
    a.scale,
    a.shift,
    a.runningMean,
    a.runningVariance,
    a.batch,
    a.factor,
    a.epsilon,
    weight,
  ]);

/** x * sigmoid(expand(silu(reduce(mean of x over H, W)))), [N, C, H, W]; reduce and expand are 1x1 convolutions, the gate is float32. */
export const squeezeExcitation = (
  x: Tensor,
  reduceWeight: Tensor,
  reduceBias: Tensor,
  expandWeight: Tensor,
  expandBias: Tensor,
): Tensor => call("advprop::squeeze_excitation", [x, reduceWeight, reduceBias, expandWeight, expandBias]);

/** Mean over height and width, [N, C, H, W] to [N, C]; float32 for bfloat16. */
export const averagePool = (x: Tensor): Tensor => call("advprop::average_pool", [x]);

/** A tensor for two branches: itself twice, its gradient the sum of theirs in one pass. */
export const branch = (x: Tensor): readonly [Tensor, Tensor] => call("advprop::branch", [x]);

/** [N, C, H, W] to [N, before + C + after, H', W'], H' = ceil(H / stride): every stride-th pixel, and zero channels around. */
export const paddingShortcut = (x: Tensor, stride: number, before: number, after: number): Tensor =>
  call("advprop::padding_shortcut", [x, stride, before, after]);

/** Cross-entropy of logits [N, K] and int64 labels [N]; `smoothing` mixes the label with the uniform distribution. */
export const crossEntropyLoss = (logits: Tensor, labels: Tensor, reduction: 0 | 1 | 2, smoothing: number): Tensor =>
  call("aten::cross_entropy_loss", [logits, labels, null, reduction, -100, smoothing]);
