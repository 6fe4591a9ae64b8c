/**
 * libtorch's operators that the library uses, typed. Each is one dispatcher call; shapes use N batch, C channels,
 * H height, W width, K classes. Names ending in `_` change their first argument and return it.
 */
import { call } from "./call.js";
import type { DType, Tensor } from "./tensor.js";

export * from "./layers.js";

// Making

/** Zeros like another tensor: its shape, dtype and memory format. */
export const zerosLike = (x: Tensor): Tensor => call("aten::zeros_like", [x]);

export const onesLike = (x: Tensor): Tensor => call("aten::ones_like", [x]);

/** A tensor filled with one value. */
export const full = (shape: readonly number[], value: number, dtype: DType = "float32"): Tensor =>
  call("aten::full", [shape, value, dtype]);

// Elementwise

export const add = (a: Tensor, b: Tensor | number, alpha = 1): Tensor =>
  typeof b === "number" ? call("aten::add.Scalar", [a, b, alpha]) : call("aten::add.Tensor", [a, b, alpha]);
export const sub = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? call("aten::sub.Scalar", [a, b]) : call("aten::sub.Tensor", [a, b]);
export const mul = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? call("aten::mul.Scalar", [a, b]) : call("aten::mul.Tensor", [a, b]);
export const div = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? call("aten::div.Scalar", [a, b]) : call("aten::div.Tensor", [a, b]);
export const add_ = (a: Tensor, b: Tensor | number, alpha = 1): Tensor =>
  typeof b === "number" ? call("aten::add_.Scalar", [a, b, alpha]) : call("aten::add_.Tensor", [a, b, alpha]);
export const sub_ = (a: Tensor, b: Tensor): Tensor => call("aten::sub_.Tensor", [a, b]);
export const mul_ = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? call("aten::mul_.Scalar", [a, b]) : call("aten::mul_.Tensor", [a, b]);
export const sign = (x: Tensor): Tensor => call("aten::sign", [x]);
export const abs = (x: Tensor): Tensor => call("aten::abs", [x]);
export const neg = (x: Tensor): Tensor => call("aten::neg", [x]);
export const sqrt = (x: Tensor): Tensor => call("aten::sqrt", [x]);
export const log = (x: Tensor): Tensor => call("aten::log", [x]);
export const cos = (x: Tensor): Tensor => call("aten::cos", [x]);
export const pow = (x: Tensor, exponent: number): Tensor => call("aten::pow.Tensor_Scalar", [x, exponent]);
export const minimum = (a: Tensor, b: Tensor): Tensor => call("aten::minimum", [a, b]);
export const maximum = (a: Tensor, b: Tensor): Tensor => call("aten::maximum", [a, b]);
export const clamp = (x: Tensor, low: number | null, high: number | null): Tensor =>
  call("aten::clamp", [x, low, high]);
export const clamp_ = (x: Tensor, low: number | null, high: number | null): Tensor =>
  call("aten::clamp_", [x, low, high]);
export const equal = (a: Tensor, b: Tensor): Tensor => call("aten::eq.Tensor", [a, b]);
export const less = (a: Tensor, b: number): Tensor => call("aten::lt.Scalar", [a, b]);
export const remainder = (a: Tensor, b: number): Tensor => call("aten::remainder.Scalar", [a, b]);
/** a where the condition holds, else b. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor => call("aten::where.self", [condition, a, b]);

export const relu = (x: Tensor): Tensor => call("aten::relu", [x]);
export const relu_ = (x: Tensor): Tensor => call("aten::relu_", [x]);
/** x * sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => call("aten::silu", [x]);

export const sigmoid = (x: Tensor): Tensor => call("aten::sigmoid", [x]);

// Reductions

export const sum = (x: Tensor, dimensions?: readonly number[], keepDimensions = false): Tensor =>
  dimensions === undefined ? call("aten::sum", [x]) : call("aten::sum.dim_IntList", [x, dimensions, keepDimensions]);
export const mean = (x: Tensor, dimensions?: readonly number[], keepDimensions = false): Tensor =>
  dimensions === undefined ? call("aten::mean", [x]) : call("aten::mean.dim", [x, dimensions, keepDimensions]);
/** Index of the largest element along a dimension, int64. */
export const argmax = (x: Tensor, dimension: number): Tensor => call("aten::argmax", [x, dimension]);
/** The largest element over some dimensions, which stay with length 1. */
export const amax = (x: Tensor, dimensions: readonly number[]): Tensor => call("aten::amax", [x, dimensions, true]);
/** The k largest elements of each row of [N, K], in falling order, [N, k]. */
export const largest = (x: Tensor, k: number): Tensor => call("aten::topk", [x, k, 1, true, true])[0];
/** Indices that put each row of [N, K] in falling order, equal elements in their own order, int64. */
export const fallingOrder = (x: Tensor): Tensor => call("aten::sort.stable", [x, true, 1, true])[1];
/** Euclidean norm over some dimensions, which stay with length 1. */
export const normOver = (x: Tensor, dimensions: readonly number[]): Tensor =>
  call("aten::linalg_vector_norm", [x, 2, dimensions, true]);

// Images

/** uint8 [N, H, W, C] / 255 as [N, C, H, W], channels-last. */
export const imagesFromBytes = (pixels: Tensor, dtype: DType): Tensor =>
  call("advprop::images_from_pixels", [pixels, dtype]);

/**
 * float32 [N, C, H, W], channels-last: {@link imagesFromBytes} of what cropPadded and flipHorizontal make of the images, uint8
 * [N, H, W, C], with the loader's draws for each one's sample and stream, both int64 [N].
 */
export const augmentedImages = (
  pixels: Tensor,
  samples: Tensor,
  streams: Tensor,
  { crop, flip, seed, epoch }: Readonly<{ crop: number; flip: boolean; seed: number; epoch: number }>,
): Tensor => call("advprop::augmented_images", [pixels, samples, streams, crop, flip, seed, epoch]);

/** (images - mean) / deviation in another dtype; mean and deviation are [1, C, 1, 1]. The gradient has the images' dtype. */
export const normalizePixels = (images: Tensor, mean: Tensor, deviation: Tensor, dtype: DType): Tensor =>
  call("advprop::normalize_pixels", [images, mean, deviation, dtype]);

/**
 * clip01(min(max(x + size * sign(gradient), images - epsilon), images + epsilon)), with one size for all or one for each
 * image.
 */
export const linfStep = (
  x: Tensor,
  gradient: Tensor,
  images: Tensor,
  sizes: readonly number[],
  epsilon: number,
): Tensor => call("advprop::linf_step", [x, gradient, images, sizes, epsilon]);

/** clip01(images + delta * min(1, epsilon / ||delta||)) by image, delta = x + size * gradient / ||gradient|| - images. */
export const l2Step = (
  x: Tensor,
  gradient: Tensor,
  images: Tensor,
  sizes: readonly number[],
  epsilon: number,
): Tensor => call("advprop::l2_step", [x, gradient, images, sizes, epsilon]);

// Shape, dtype and memory

export const reshape = (x: Tensor, shape: readonly number[]): Tensor => call("aten::reshape", [x, shape]);
export const permute = (x: Tensor, dimensions: readonly number[]): Tensor => call("aten::permute", [x, dimensions]);
/** Rows `start` to `end` (excluded) of the first dimension, a view. */
export const rows = (x: Tensor, start: number, end: number): Tensor => call("aten::slice.Tensor", [x, 0, start, end]);
/** One index of a dimension, which goes; a view. */
export const select = (x: Tensor, dimension: number, index: number): Tensor =>
  call("aten::select.int", [x, dimension, index]);
/** Rows by their indices, int64, a copy. */
export const rowsAt = (x: Tensor, indices: Tensor): Tensor => call("aten::index_select", [x, 0, indices]);
/** Overwrites the rows at some indices with those of another tensor. */
export const setRowsAt_ = (x: Tensor, indices: Tensor, values: Tensor): Tensor =>
  call("aten::index_copy_", [x, 0, indices, values]);
/** Of each row of [N, K] the element at its own index; indices int64 [N], result [N]. */
export const pick = (x: Tensor, indices: Tensor): Tensor =>
  reshape(call("aten::gather", [x, 1, reshape(indices, [indices.size, 1])]), [indices.size]);
/** [N, K] with one value written at each row's own index; indices int64 [N]. */
export const replaceAt = (x: Tensor, indices: Tensor, value: number): Tensor =>
  call("aten::scatter.value", [x, 1, reshape(indices, [indices.size, 1]), value]);
/** The rows in reverse order. */
export const reversed = (x: Tensor): Tensor => call("aten::flip", [x, [0]]);
export const concat = (tensors: readonly Tensor[], dimension = 0): Tensor => call("aten::cat", [tensors, dimension]);
export const stack = (tensors: readonly Tensor[]): Tensor => call("aten::stack", [tensors]);
export const detach = (x: Tensor): Tensor => call("aten::detach", [x]);
export const clone = (x: Tensor): Tensor => call("aten::clone", [x]);
export const cast = (x: Tensor, dtype: DType): Tensor => call("aten::to.dtype", [x, dtype]);
/** 4-D tensors with the channel as the fastest dimension; others as they are. */
export const channelsLast = (x: Tensor): Tensor =>
  x.shape.length === 4 ? call("aten::contiguous", [x, "channels_last"]) : x;
/** Writes the elements of a tensor into another, whatever their strides and dtypes. */
export const copy_ = (target: Tensor, source: Tensor): Tensor => call("aten::copy_", [target, source]);

// Lists, one call for all parameters

export const eachMul_ = (a: readonly Tensor[], factor: number): void => call("aten::_foreach_mul_.Scalar", [a, factor]);
/** Euclidean norm of all elements of all tensors, a float64 scalar whose sum is float64 too. */
export const normOfAll = (tensors: readonly Tensor[]): Tensor => call("advprop::norm", [tensors]);
/** averages = decay * averages + (1 - decay) * values */
export const average_ = (averages: readonly Tensor[], values: readonly Tensor[], decay: number): void =>
  call("advprop::average_", [averages, values, decay]);

// The updates of src/optim, where their formulas are; float32 on the CPU takes one pass. The lists have a tensor for each
// parameter, and `weightDecays` a number.

export const sgd_ = (
  weights: readonly Tensor[],
  velocities: readonly Tensor[],
  gradients: readonly Tensor[],
  a: {
    readonly rate: number;
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly weightDecays: readonly number[];
  },
): void => call("advprop::sgd_", [weights, velocities, gradients, a.rate, a.momentum, a.nesterov, a.weightDecays]);
export const rmsprop_ = (
  weights: readonly Tensor[],
  squares: readonly Tensor[],
  velocities: readonly Tensor[],
  gradients: readonly Tensor[],
  a: {
    readonly rate: number;
    readonly decay: number;
    readonly momentum: number;
    readonly epsilon: number;
    readonly weightDecays: readonly number[];
  },
): void =>
  call("advprop::rmsprop_", [
    weights,
    squares,
    velocities,
    gradients,
    a.rate,
    a.decay,
    a.momentum,
    a.epsilon,
    a.weightDecays,
  ]);
/** `counts` are int64 scalars, which grow by one. */
export const adamw_ = (
  weights: readonly Tensor[],
  means: readonly Tensor[],
  squares: readonly Tensor[],
  counts: readonly Tensor[],
  gradients: readonly Tensor[],
  a: {
    readonly rate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecays: readonly number[];
  },
): void =>
  call("advprop::adamw_", [
    weights,
    means,
    squares,
    counts,
    gradients,
    a.rate,
    a.beta1,
    a.beta2,
    a.epsilon,
    a.weightDecays,
  ]);

// Keyed randomness: the same numbers as src/random.ts

/** What a draw is keyed by, besides the sample: see src/random.ts. */
export interface DrawKey {
  readonly seed: number;
  readonly epoch: number;
  readonly purpose: number;
  /** Tells draws of one purpose apart, for example by layer. */
  readonly stream?: number;
}

/** Uniform in [0, 1), [N, ...shape]; draw j of a sample is its flat index in C order. `samples` is int64 [N]. */
export const keyedUniform = (
  samples: Tensor,
  shape: readonly number[],
  key: DrawKey,
  dtype: DType = "float32",
): Tensor => call("advprop::keyed_uniform", [samples, shape, key.seed, key.epoch, key.purpose, key.stream ?? 0, dtype]);
/** Uniform integers in [0, bound), int64 [N]: draw 0 of each sample unless told. */
export const keyedIntegers = (samples: Tensor, bound: number, key: DrawKey, draw = 0): Tensor =>
  call("advprop::keyed_integers", [samples, bound, key.seed, key.epoch, key.purpose, key.stream ?? 0, draw]);
