/** A classifier: a network that normalises its pixels itself, so that all other code uses pixels in [0, 1]. */
import type { EvaluationView } from "../evaluation/view.js";
import { type ForwardContext, MAIN_ROUTE } from "../nn/context.js";
import type { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import { type Device, type DType, fromArray, keep, scope, type Tensor } from "../tensor/index.js";
import { normalizePixels } from "../tensor/operators.js";

/** Mean and standard deviation of each channel, in pixels of [0, 1]. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

export const NORMALIZATIONS = {
  /** Statistics of CIFAR-10's training images. */
  cifar10: { mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616] },
  /** Maps pixels to [-1, 1]: the preprocessing of the published AdvProp weights (tensorflow/tpu, `--advprop_preprocessing`). */
  half: { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
} as const satisfies Record<string, Normalization>;

/** A description of a classifier without its weights: enough to build it again. */
export interface ModelSpecification {
  /** Its name in the registry. */
  readonly name: string;
  /** Names of the classes in the order of the logits. */
  readonly classes: readonly string[];
  /** Names of the auxiliary routes in the order of their `aux_bn` indices. */
  readonly routes: readonly string[];
  readonly normalization: Normalization;
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /** How photos are cropped for its evaluation. */
  readonly view: EvaluationView;
}

/**
 * Maps images [N, 3, H, W] with pixels in [0, 1] to logits [N, K]. Its parameters and buffers have the names of the network. The
 * normalisation is part of the specification and not a parameter.
 */
export class Classifier {
  readonly specification: ModelSpecification;
  readonly network: Module;
  #mean: Tensor | undefined;
  #deviation: Tensor | undefined;
  #dtype: DType = "float32";
  #device: Device = "cpu";

  constructor(network: Module, specification: ModelSpecification) {
    this.network = network;
    this.specification = specification;
  }

  /**
   * Allocates the network with its initial values. See {@link Module.initialize}.
   *
   * @param dtype of the activations. With bfloat16, parameters, statistics, all layers after the last pooling, images, logits and
   *   gradients stay float32
   * @throws ERR_DEVICE the device does not exist
   */
  initialize(seed: number | undefined, dtype: DType = "float32", device: Device = "cpu"): this {
    this.#dtype = dtype;
    this.#device = device;
    const precise = dtype === "bfloat16" ? "float32" : dtype;
    this.network.initialize(seed, precise, device);
    this.#disposeNormalization();
    const { mean, deviation } = this.specification.normalization;
    this.#mean = keep(fromArray(mean, [1, 3, 1, 1], precise, device));
    this.#deviation = keep(fromArray(deviation, [1, 3, 1, 1], precise, device));
    return this;
  }

  /** Frees everything that {@link initialize} allocated and that passes kept. The classifier cannot be used afterwards. */
  dispose(): void {
    this.network.dispose();
    this.#disposeNormalization();
  }

  #disposeNormalization(): void {
    this.#mean?.dispose();
    this.#deviation?.dispose();
    this.#mean = undefined;
    this.#deviation = undefined;
  }

  /** The device of the network, where its images must be too. */
  get device(): Device {
    return this.#device;
  }

  /** Names of all routes, with the main one first. */
  get routes(): readonly string[] {
    return [MAIN_ROUTE, ...this.specification.routes];
  }

  get parameters(): readonly Parameter[] {
    return this.network.parameters;
  }

  /** (images - mean) / deviation through the network. */
  forward(images: Tensor, context: ForwardContext): Tensor {
    if (this.#mean === undefined || this.#deviation === undefined)
      throw new Error("the classifier was not initialised");
    const [mean, deviation] = [this.#mean, this.#deviation];
    return scope(() => {
      return this.network.forward(normalizePixels(images, mean, deviation, this.#dtype), context);
    });
  }
}
