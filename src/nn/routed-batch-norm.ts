/**
 * Batch norm with routes: clean images go through the main norm, adversarial ones through an auxiliary one with scale,
 * shift and statistics of its own, because the two come from different distributions.
 *
 * Source: Xie et al. 2020, Adversarial examples improve image recognition, section 4 (auxiliary batch norm),
 * https://arxiv.org/abs/1911.09665. The auxiliary norms lie beside a main one that has the plain network's names
 * (`<bn>.weight`, `<bn>.aux_bn.0.weight`), as in timm, so that dropping their keys leaves an ordinary checkpoint.
 */
import { UsageError } from "../errors.js";
import { scope, type Tensor } from "../tensor/index.js";
import type { NormalizedLayer } from "../tensor/inverted-residual.js";
import {
  type Activation,
  activate,
  add,
  add_,
  type BatchNormArguments,
  batchNorm,
  normReluConv2d3x3,
  syncedBatchNorm,
} from "../tensor/operators.js";
import { type ForwardContext, isSynchronized, MAIN_ROUTE } from "./context.js";
import { ones, zeros } from "./initialization.js";
import type { Conv2d } from "./layers/convolution.js";
import { Module } from "./module.js";
import type { Parameter } from "./parameter.js";

export interface BatchNormOptions {
  /** Share of the batch in each update of the running statistics (PyTorch's convention; TensorFlow's is 1 minus it). */
  readonly momentum: number;
  /** Stands inside the root. */
  readonly epsilon: number;
}

/** PyTorch's defaults, which ResNets use. */
const DEFAULT_BATCH_NORM: BatchNormOptions = { momentum: 0.1, epsilon: 1e-5 };

/**
 * One batch norm: y = scale * (x - mean) / sqrt(variance + epsilon) + shift by channel, x [N, C, H, W].
 *
 * Batch statistics are the mean and the biased variance over N, H, W. An update moves the running ones by the factor
 * max(momentum, 1 / (t + 1)), t the number of earlier updates, towards the batch's mean and unbiased variance.
 *
 * Departure from PyTorch and TensorFlow, whose factor is the momentum from the start: here the first update takes the
 * batch's statistics whole, so that early attacks and short runs do not go through a network of initial values.
 */
export class BatchNorm extends Module {
  readonly channels: number;
  readonly scale;
  readonly shift;
  readonly runningMean;
  readonly runningVariance;
  readonly tracked;
  readonly options: BatchNormOptions;

  constructor(channels: number, options: BatchNormOptions) {
    super();
    this.channels = channels;
    this.options = options;
    this.scale = this.parameter("weight", [channels], "norm", ones);
    this.shift = this.parameter("bias", [channels], "norm", zeros);
    this.runningMean = this.buffer("running_mean", [channels], 0);
    this.runningVariance = this.buffer("running_var", [channels], 1);
    this.tracked = this.buffer("num_batches_tracked", [], 0, true);
  }

  /** A convolution's weight and this norm as one operator takes them, within the graph or outside of every graph. */
  layerOf(weight: Tensor, trainable: boolean): NormalizedLayer {
    const scale = this.scale.for(trainable);
    const index = trainable ? 1 : 0;
    // One list as long as the weight is the same: a step asks for it hundreds of times.
    let layer = this.#layers[index];
    if (layer?.[0] !== weight || layer[1] !== scale) {
      layer = [weight, scale, this.shift.for(trainable), this.runningMean.value, this.runningVariance.value];
      this.#layers[index] = layer;
    }
    return layer;
  }

  readonly #layers: [NormalizedLayer | undefined, NormalizedLayer | undefined] = [undefined, undefined];

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    return this.normalize(x, context, "identity");
  }

  /** activation(norm(x) + residual) */
  normalize(x: Tensor, context: ForwardContext, activation: Activation, residual?: Tensor): Tensor {
    const a = this.#arguments(x, context, activation, residual);
    const y = isSynchronized(context) ? synced(x, a) : batchNorm(x, a);
    if (context.update) this.count(1);
    return y;
  }

  /** The 3x3 convolution, stride 1 with one zero on each side, of relu(norm(x)), which is never kept. */
  normalizeAndConvolve(x: Tensor, context: ForwardContext, weight: Parameter): Tensor {
    const y = normReluConv2d3x3(x, this.#arguments(x, context, "relu"), weight.for(context.trainable));
    if (context.update) this.count(1);
    return y;
  }

  /** What the operators normalise x by. */
  #arguments(x: Tensor, context: ForwardContext, activation: Activation, residual?: Tensor): BatchNormArguments {
    const shape = x.shape;
    this.check(shape[0], shape[2], shape[3], context);
    const batch = context.statistics === "batch";
    const useRunning = context.update || !batch;
    return {
      scale: this.scale.for(context.trainable),
      shift: this.shift.for(context.trainable),
      runningMean: useRunning ? this.runningMean.value : undefined,
      runningVariance: useRunning ? this.runningVariance.value : undefined,
      batch,
      factor: this.factor(context),
      epsilon: this.options.epsilon,
      residual,
      activation,
    };
  }

  /** Whether a pass can normalise so many images of this size. @throws ERR_CONTEXT, ERR_SHAPE it cannot */
  check(images: number, height: number, width: number, { statistics, update }: ForwardContext): void {
    if (update && statistics !== "batch") {
      throw new UsageError(
        "ERR_CONTEXT",
        'batch norm: running statistics are updated only where statistics is "batch"',
      );
    }
    if (statistics === "batch" && images * height * width === 1) {
      throw new UsageError(
        "ERR_SHAPE",
        `batch norm: batch statistics need more than one value a channel; got shape [${[images, this.channels, height, width]}]. Use a larger batch or larger images`,
      );
    }
  }

  /** How far a pass moves the running statistics towards the batch's. */
  factor({ update }: ForwardContext): number {
    return update ? Math.max(this.options.momentum, 1 / (this.updates + 1)) : 0;
  }

  /** Updates of the running statistics so far. */
  get updates(): number {
    return this.tracked.value.item();
  }

  /** Whether all updates to come move the running statistics by the same factor. */
  get settled(): boolean {
    return this.options.momentum >= 1 / (this.updates + 1);
  }

  /** Counts updates of the running statistics. */
  count(updates: number): void {
    if (updates !== 0) add_(this.tracked.value, updates);
  }
}

/** {@link batchNorm} by the statistics of all ranks. */
function synced(x: Tensor, a: BatchNormArguments): Tensor {
  const y = syncedBatchNorm(x, a);
  return activate(a.residual === undefined ? y : add(y, a.residual), a.activation);
}

/** Whether a name of a network's state belongs to an auxiliary norm. Without those, the state is the plain network's. */
export const isAuxiliary = (name: string): boolean => /\.aux_bn\.\d+\./.test(name);

/** Holds the auxiliary norms under the names `aux_bn.0`, `aux_bn.1`, ... */
class AuxiliaryNorms extends Module {
  readonly norms: readonly BatchNorm[];

  constructor(count: number, channels: number, options: BatchNormOptions) {
    super();
    this.norms = Array.from({ length: count }, (_, k) => this.child(String(k), new BatchNorm(channels, options)));
  }

  protected override compute(): Tensor {
    throw new Error("auxiliary norms are reached through their route");
  }
}

/**
 * Batch norm with one set of scale, shift and statistics for each route, followed by an activation. A pass touches the
 * norm of its route and no other.
 */
export class RoutedBatchNorm extends Module {
  readonly channels: number;
  readonly #norms: ReadonlyMap<string, BatchNorm>;
  readonly #activation: Activation;

  /**
   * @param routes names of the auxiliary routes, in the order of their `aux_bn` indices; may be empty
   */
  constructor(
    channels: number,
    routes: readonly string[],
    activation: Activation,
    options: BatchNormOptions = DEFAULT_BATCH_NORM,
  ) {
    super();
    this.channels = channels;
    this.#activation = activation;
    // The main norm has the names of a plain network's.
    const main = this.child("", new BatchNorm(channels, options));
    const auxiliary =
      routes.length === 0 ? [] : this.child("aux_bn", new AuxiliaryNorms(routes.length, channels, options)).norms;
    this.#norms = new Map([[MAIN_ROUTE, main], ...routes.map((route, k) => [route, auxiliary[k]] as const)]);
  }

  /** The norm of a route. @throws ERR_ROUTE there is none of that name */
  norm(route: string): BatchNorm {
    const norm = this.#norms.get(route);
    if (norm === undefined) {
      throw new UsageError(
        "ERR_ROUTE",
        `batch norm: no route named ${route}; this network has ${[...this.#norms.keys()].join(", ")}`,
      );
    }
    return norm;
  }

  protected override compute(x: Tensor, context: ForwardContext): Tensor {
    return this.norm(context.route).normalize(x, context, this.#activation);
  }

  /** convolution(activation(norm(x))), in one operator where there is one for it. */
  forwardInto(convolution: Conv2d, x: Tensor, context: ForwardContext): Tensor {
    if (this.#activation !== "relu" || !convolution.isPlain3x3 || isSynchronized(context)) {
      return convolution.forward(this.forward(x, context), context);
    }
    return scope(() => this.norm(context.route).normalizeAndConvolve(x, context, convolution.weight));
  }

  /** activation(norm(x) + residual): the end of a residual block. */
  forwardWithResidual(x: Tensor, residual: Tensor, context: ForwardContext): Tensor {
    return this.norm(context.route).normalize(x, context, this.#activation, residual);
  }
}

/** Makes a batch norm for a number of channels: how an architecture stays the same for any set of routes. */
export type NormFactory = (channels: number, activation: Activation) => RoutedBatchNorm;

/** The factory for a set of auxiliary routes. */
export const normFactory =
  (routes: readonly string[], options: BatchNormOptions = DEFAULT_BATCH_NORM): NormFactory =>
  (channels, activation) =>
    new RoutedBatchNorm(channels, routes, activation, options);
