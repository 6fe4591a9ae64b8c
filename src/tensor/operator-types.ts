/**
 * The operators by their names, as functions of their arguments. Made by `npm run operators` from native/operators.schema:
 * change that file.
 */
import type { Device, DType, Tensor } from "./tensor.js";

type Scalar = number | boolean;
type MemoryFormat = "contiguous" | "channels_last" | "preserve";
type Layout = "strided";

export interface Operators {
  "advprop::conv2d": (
    x: Tensor,
    weight: Tensor,
    bias: Tensor | null | undefined,
    stride: number,
    padding: readonly [number, number, number, number],
    groups: number,
  ) => Tensor;
  "advprop::inverted_residual": (
    x: Tensor,
    expand: readonly Tensor[],
    depthwise: readonly Tensor[],
    squeeze: readonly Tensor[],
    project: readonly Tensor[],
    stride: number,
    padding: readonly [number, number, number, number],
    epsilon: number,
    residual: boolean,
  ) => Tensor;
  "advprop::inverted_residual_training": (
    x: Tensor,
    expand: readonly Tensor[],
    depthwise: readonly Tensor[],
    squeeze: readonly Tensor[],
    project: Tensor,
    stride: number,
    padding: readonly [number, number, number, number],
    epsilon: number,
    factors: readonly [number, number],
  ) => Tensor;
  "advprop::norm_relu_conv2d_3x3": (
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    running_mean: Tensor | null | undefined,
    running_var: Tensor | null | undefined,
    batch: boolean,
    factor: number,
    epsilon: number,
    weight: Tensor,
  ) => Tensor;
  "advprop::squeeze_excitation": (
    x: Tensor,
    reduce_weight: Tensor,
    reduce_bias: Tensor,
    expand_weight: Tensor,
    expand_bias: Tensor,
  ) => Tensor;
  "advprop::average_pool": (x: Tensor) => Tensor;
  "advprop::batch_norm": (
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Tensor | null | undefined,
    running_mean: Tensor | null | undefined,
    running_var: Tensor | null | undefined,
    batch: boolean,
    factor: number,
    epsilon: number,
    activation: number,
  ) => Tensor;
  "advprop::branch": (x: Tensor) => [Tensor, Tensor];
  "advprop::max_pool2d": (x: Tensor, size: number, stride: number, padding: number) => Tensor;
  "advprop::padding_shortcut": (x: Tensor, stride: number, before: number, after: number) => Tensor;
  "advprop::synced_norm": (
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor | null | undefined,
    running_var: Tensor | null | undefined,
    factor: number,
    epsilon: number,
  ) => Tensor;
  "advprop::augmented_images": (
    pixels: Tensor,
    samples: Tensor,
    streams: Tensor,
    padding: number,
    flip: boolean,
    seed: number,
    epoch: number,
  ) => Tensor;
  "advprop::images_from_pixels": (pixels: Tensor, dtype: DType) => Tensor;
  "advprop::l2_step": (
    x: Tensor,
    gradient: Tensor,
    images: Tensor,
    sizes: readonly number[],
    epsilon: number,
  ) => Tensor;
  "advprop::linf_step": (
    x: Tensor,
    gradient: Tensor,
    images: Tensor,
    sizes: readonly number[],
    epsilon: number,
  ) => Tensor;
  "advprop::normalize_pixels": (images: Tensor, mean: Tensor, deviation: Tensor, dtype: DType) => Tensor;
  "advprop::adamw_": (
    weights: readonly Tensor[],
    means: readonly Tensor[],
    squares: readonly Tensor[],
    updates: readonly Tensor[],
    gradients: readonly Tensor[],
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decays: readonly number[],
  ) => void;
  "advprop::average_": (averages: readonly Tensor[], values: readonly Tensor[], decay: number) => void;
  "advprop::norm": (tensors: readonly Tensor[]) => Tensor;
  "advprop::rmsprop_": (
    weights: readonly Tensor[],
    squares: readonly Tensor[],
    velocities: readonly Tensor[],
    gradients: readonly Tensor[],
    rate: number,
    smoothing: number,
    momentum: number,
    epsilon: number,
    decays: readonly number[],
  ) => void;
  "advprop::sgd_": (
    weights: readonly Tensor[],
    velocities: readonly Tensor[],
    gradients: readonly Tensor[],
    rate: number,
    momentum: number,
    nesterov: boolean,
    decays: readonly number[],
  ) => void;
  "advprop::keyed_integers": (
    samples: Tensor,
    bound: number,
    seed: number,
    epoch: number,
    purpose: number,
    stream: number,
    draw: number,
  ) => Tensor;
  "advprop::keyed_uniform": (
    samples: Tensor,
    shape: readonly number[],
    seed: number,
    epoch: number,
    purpose: number,
    stream: number,
    dtype: DType,
  ) => Tensor;
  "aten::_foreach_mul_.Scalar": (self: readonly Tensor[], scalar: Scalar) => void;
  "aten::abs": (self: Tensor) => Tensor;
  "aten::add.Scalar": (self: Tensor, other: Scalar, alpha?: Scalar) => Tensor;
  "aten::add.Tensor": (self: Tensor, other: Tensor, alpha?: Scalar) => Tensor;
  "aten::add_.Scalar": (self: Tensor, other: Scalar, alpha?: Scalar) => Tensor;
  "aten::add_.Tensor": (self: Tensor, other: Tensor, alpha?: Scalar) => Tensor;
  "aten::amax": (self: Tensor, dim?: readonly number[], keepdim?: boolean) => Tensor;
  "aten::argmax": (self: Tensor, dim?: number | null, keepdim?: boolean) => Tensor;
  "aten::avg_pool2d": (
    self: Tensor,
    kernel_size: readonly [number, number],
    stride?: readonly [number, number],
    padding?: readonly [number, number],
    ceil_mode?: boolean,
    count_include_pad?: boolean,
    divisor_override?: number | null,
  ) => Tensor;
  "aten::cat": (tensors: readonly Tensor[], dim?: number) => Tensor;
  "aten::clamp": (self: Tensor, min?: Scalar | null, max?: Scalar | null) => Tensor;
  "aten::clamp_": (self: Tensor, min?: Scalar | null, max?: Scalar | null) => Tensor;
  "aten::clone": (self: Tensor, memory_format?: MemoryFormat | null) => Tensor;
  "aten::contiguous": (self: Tensor, memory_format?: MemoryFormat) => Tensor;
  "aten::copy_": (self: Tensor, src: Tensor, non_blocking?: boolean) => Tensor;
  "aten::cos": (self: Tensor) => Tensor;
  "aten::cross_entropy_loss": (
    self: Tensor,
    target: Tensor,
    weight?: Tensor | null,
    reduction?: number,
    ignore_index?: number,
    label_smoothing?: number,
  ) => Tensor;
  "aten::detach": (self: Tensor) => Tensor;
  "aten::div.Scalar": (self: Tensor, other: Scalar) => Tensor;
  "aten::div.Tensor": (self: Tensor, other: Tensor) => Tensor;
  "aten::eq.Tensor": (self: Tensor, other: Tensor) => Tensor;
  "aten::flip": (self: Tensor, dims: readonly number[]) => Tensor;
  "aten::full": (
    size: readonly number[],
    fill_value: Scalar,
    dtype?: DType | null,
    layout?: Layout | null,
    device?: Device | null,
    pin_memory?: boolean | null,
  ) => Tensor;
  "aten::gather": (self: Tensor, dim: number, index: Tensor, sparse_grad?: boolean) => Tensor;
  "aten::index_copy_": (self: Tensor, dim: number, index: Tensor, source: Tensor) => Tensor;
  "aten::index_select": (self: Tensor, dim: number, index: Tensor) => Tensor;
  "aten::linalg_vector_norm": (
    self: Tensor,
    ord?: Scalar,
    dim?: readonly number[] | null,
    keepdim?: boolean,
    dtype?: DType | null,
  ) => Tensor;
  "aten::linear": (input: Tensor, weight: Tensor, bias?: Tensor | null) => Tensor;
  "aten::log": (self: Tensor) => Tensor;
  "aten::lt.Scalar": (self: Tensor, other: Scalar) => Tensor;
  "aten::maximum": (self: Tensor, other: Tensor) => Tensor;
  "aten::mean": (self: Tensor, dtype?: DType | null) => Tensor;
  "aten::mean.dim": (self: Tensor, dim?: readonly number[] | null, keepdim?: boolean, dtype?: DType | null) => Tensor;
  "aten::minimum": (self: Tensor, other: Tensor) => Tensor;
  "aten::mul.Scalar": (self: Tensor, other: Scalar) => Tensor;
  "aten::mul.Tensor": (self: Tensor, other: Tensor) => Tensor;
  "aten::mul_.Scalar": (self: Tensor, other: Scalar) => Tensor;
  "aten::mul_.Tensor": (self: Tensor, other: Tensor) => Tensor;
  "aten::neg": (self: Tensor) => Tensor;
  "aten::ones_like": (
    self: Tensor,
    dtype?: DType | null,
    layout?: Layout | null,
    device?: Device | null,
    pin_memory?: boolean | null,
    memory_format?: MemoryFormat | null,
  ) => Tensor;
  "aten::permute": (self: Tensor, dims: readonly number[]) => Tensor;
  "aten::pow.Tensor_Scalar": (self: Tensor, exponent: Scalar) => Tensor;
  "aten::relu": (self: Tensor) => Tensor;
  "aten::relu_": (self: Tensor) => Tensor;
  "aten::remainder.Scalar": (self: Tensor, other: Scalar) => Tensor;
  "aten::reshape": (self: Tensor, shape: readonly number[]) => Tensor;
  "aten::scatter.value": (self: Tensor, dim: number, index: Tensor, value: Scalar) => Tensor;
  "aten::select.int": (self: Tensor, dim: number, index: number) => Tensor;
  "aten::sigmoid": (self: Tensor) => Tensor;
  "aten::sign": (self: Tensor) => Tensor;
  "aten::silu": (self: Tensor) => Tensor;
  "aten::slice.Tensor": (
    self: Tensor,
    dim?: number,
    start?: number | null,
    end?: number | null,
    step?: number,
  ) => Tensor;
  "aten::sort.stable": (self: Tensor, stable?: boolean | null, dim?: number, descending?: boolean) => [Tensor, Tensor];
  "aten::sqrt": (self: Tensor) => Tensor;
  "aten::stack": (tensors: readonly Tensor[], dim?: number) => Tensor;
  "aten::sub.Scalar": (self: Tensor, other: Scalar, alpha?: Scalar) => Tensor;
  "aten::sub.Tensor": (self: Tensor, other: Tensor, alpha?: Scalar) => Tensor;
  "aten::sub_.Tensor": (self: Tensor, other: Tensor, alpha?: Scalar) => Tensor;
  "aten::sum": (self: Tensor, dtype?: DType | null) => Tensor;
  "aten::sum.dim_IntList": (
    self: Tensor,
    dim?: readonly number[] | null,
    keepdim?: boolean,
    dtype?: DType | null,
  ) => Tensor;
  "aten::to.dtype": (
    self: Tensor,
    dtype: DType,
    non_blocking?: boolean,
    copy?: boolean,
    memory_format?: MemoryFormat | null,
  ) => Tensor;
  "aten::topk": (self: Tensor, k: number, dim?: number, largest?: boolean, sorted?: boolean) => [Tensor, Tensor];
  "aten::where.self": (condition: Tensor, self: Tensor, other: Tensor) => Tensor;
  "aten::zeros_like": (
    self: Tensor,
    dtype?: DType | null,
    layout?: Layout | null,
    device?: Device | null,
    pin_memory?: boolean | null,
    memory_format?: MemoryFormat | null,
  ) => Tensor;
}
