/** What networks are made of, as operators: convolutions, norms, pooling, the loss; each with its gradient. */
import { call } from "./call.js";
import { native } from "./native.js";
import type { Tensor } from "./tensor.js";

/** [N, C, H, W] with weights [O, C / groups, k, k] to [N, O, H', W']. Padding is of all sides, or [vertical, horizontal]. */
export const conv2d = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  stride: number,
  padding: number | readonly [number, number],
  groups = 1,
): Tensor =>
  call("aten::conv2d", [
    x,
    weight,
    bias ?? null,
    [stride, stride],
    typeof padding === "number" ? [padding, padding] : padding,
    [1, 1],
    groups,
  ]);
/** Zeros on each side of the two last dimensions. */
export interface Padding {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * Each channel with its own kernel: [N, C, H, W] with weight [C, 1, k, k] to [N, C, H', W'],
 * H' = floor((H + top + bottom - k) / stride) + 1.
 *
 * float32 and bfloat16 with k 3 or 5 and stride 1 or 2 on the CPU have kernels of their own, which write no padded copy and
 * sum in float32; the weight may be float32 where x is bfloat16, and its gradient has the weight's dtype. Only gradients
 * that are asked for are computed. Every other case is libtorch's padding and convolution.
 */
export const depthwiseConv2d = (x: Tensor, weight: Tensor, stride: number, padding: Padding): Tensor =>
  call("advprop::depthwise_conv2d", [x, weight, stride, [padding.left, padding.right, padding.top, padding.bottom]]);
/**
 * [N, I, H, W] with weight [O, I, 3, 3] to [N, O, H, W], stride 1 with one zero on each side. The weight may be float32 where x
 * is bfloat16, and its gradient is of its own dtype. Where the channels fill vectors, by Winograd's F(4x4, 3x3) in float32.
 */
export const conv2d3x3 = (x: Tensor, weight: Tensor): Tensor => call("advprop::conv2d_3x3", [x, weight]);

/**
 * [N, 3, H, W] with weight [O, 3, k, k] to [N, O, H', W']: the first convolution of a network. 3x3 and 7x7 have kernels of
 * their own; the weight may be float32 where x is bfloat16, and its gradient is of its own dtype.
 */
export const imageConv2d = (x: Tensor, weight: Tensor, stride: number, padding: Padding): Tensor =>
  call("advprop::image_conv2d", [x, weight, stride, [padding.left, padding.right, padding.top, padding.bottom]]);

/**
 * [N, I, H, W] with weight [O, I, k, k] to [N, O, H', W'], H' = floor((H + top + bottom - k) / stride) + 1: dense convolution of
 * any stride, a product of matrices whose rows are the patches under the kernel.
 *
 * float32 and bfloat16 with square kernels on the CPU have kernels of their own, which write no padded copy and sum in float32;
 * the weight may be float32 where x is bfloat16, and its gradient has the weight's dtype. Only gradients that are asked for are
 * computed. Every other case is libtorch's padding and convolution.
 */
export const stridedConv2d = (x: Tensor, weight: Tensor, stride: number, padding: Padding): Tensor =>
  call("advprop::strided_conv2d", [x, weight, stride, [padding.left, padding.right, padding.top, padding.bottom]]);

/**
 * [N, I, H, W] with weight [O, I, 1, 1] to [N, O, H, W]: a product of matrices at each pixel.
 *
 * float32 and bfloat16 on the CPU have kernels of their own, which sum in float32; the weight may be float32 where x is
 * bfloat16, is rounded as it is packed, and its gradient has the weight's dtype. Only gradients that are asked for are
 * computed. Every other dtype is libtorch's convolution.
 *
 * @param packed what {@link packPointwise} makes of the weight for x's dtype, to pack it once for several passes
 */
export const pointwiseConv2d = (x: Tensor, weight: Tensor, packed?: Tensor): Tensor =>
  call("advprop::pointwise_conv2d", [x, weight, packed ?? null]);
/** A weight [O, I, 1, 1] in the order in which {@link pointwiseConv2d} reads it, for activations of a dtype. */
export const packPointwise = (weight: Tensor, dtype: "float32" | "bfloat16"): Tensor =>
  call("advprop::pack_pointwise", [weight, dtype]);
/** [N, C] with weight [O, C] to [N, O]: x weight^T + bias. */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => call("advprop::linear", [x, weight, bias]);
export const maxPool2d = (x: Tensor, size: number, stride: number, padding: number): Tensor =>
  call("advprop::max_pool2d", [x, size, stride, padding]);
export const avgPool2d = (x: Tensor, size: number, stride: number): Tensor =>
  call("aten::avg_pool2d", [x, [size, size], [stride, stride]]);
/** Zeros around the two last dimensions. */
export const pad2d = (x: Tensor, left: number, right: number, top: number, bottom: number): Tensor =>
  call("aten::constant_pad_nd", [x, [left, right, top, bottom]]);

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
 * {@link conv2d3x3} of relu(norm(x)), which is computed wherever it is needed rather than kept: for the gradient the operator
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

/** How often an operator has changed the tensor's elements, or those of another tensor that shares them. */
export const version = (x: Tensor): number => native.version(x);

/** A tensor for two branches: itself twice, its gradient the sum of theirs in one pass. */
export const branch = (x: Tensor): readonly [Tensor, Tensor] => call("advprop::branch", [x]);

/** [N, C, H, W] to [N, before + C + after, H', W'], H' = ceil(H / stride): every stride-th pixel, and zero channels around. */
export const paddingShortcut = (x: Tensor, stride: number, before: number, after: number): Tensor =>
  call("advprop::padding_shortcut", [x, stride, before, after]);

/** Cross-entropy of logits [N, K] and int64 labels [N]; `smoothing` mixes the label with the uniform distribution. */
export const crossEntropyLoss = (logits: Tensor, labels: Tensor, reduction: 0 | 1 | 2, smoothing: number): Tensor =>
  call("advprop::cross_entropy", [logits, labels, reduction, smoothing]);
