/** A training step as one CUDA graph: a GPU need not wait for the program to launch its thousands of kernels. */
import type { PixelBatch } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { BatchNorm } from "../nn/routed-batch-norm.js";
import { DeviceGraph, type GradientStore, keep, scope, type Tensor } from "../tensor/index.js";
import { copy_ } from "../tensor/operators.js";
import {
  batchFromUpload,
  type DrawContext,
  type StepLosses,
  type TrainingStep,
  type Upload,
  uploadPixels,
} from "./step.js";

/** A graph with what it reads and writes. */
interface Captured {
  /** What the graph depends on besides the memory that it reads. */
  readonly key: string;
  readonly graph: DeviceGraph;
  readonly inputs: readonly Tensor[];
  readonly losses: StepLosses;
  readonly gradients: readonly (Tensor | undefined)[];
  /** How many updates of its running statistics each norm counts in a step. */
  readonly counts: readonly number[];
}

const valuesOf = (tensors: Upload | StepLosses): Tensor[] => Object.values(tensors);

/**
 * Runs a method's step, and from the second mini-batch of a size on captures and replays it. Random draws are keyed by the epoch, which
 * a graph holds as a number, so each epoch has its own. As long as the running statistics' factor changes from step to step, steps are not
 * captured.
 */
export class CapturedStep {
  readonly #model: Classifier;
  readonly #step: TrainingStep;
  readonly #gradients: GradientStore;
  readonly #norms: readonly BatchNorm[];
  #captured: Captured | undefined;
  /** The size of mini-batches that went through the step as it is: the fastest algorithms for it are known. */
  #known = "";

  constructor(model: Classifier, step: TrainingStep, gradients: GradientStore) {
    this.#model = model;
    this.#step = step;
    this.#gradients = gradients;
    this.#norms = Array.from(model.network.namedModules(), ([, module]) => module).filter(
      (module) => module instanceof BatchNorm,
    );
  }

  /** Adds the gradients of a mini-batch to the store, which must be empty, like the step itself. */
  run(pixels: PixelBatch, context: DrawContext): StepLosses {
    const size = `${pixels.labels.length} x ${pixels.height} x ${pixels.width}`;
    if (this.#known !== size || !this.#norms.every((norm) => norm.settled)) {
      this.#known = size;
      this.#dispose();
      return this.#step(batchFromUpload(uploadPixels(pixels, this.#model.device), context));
    }
    const key = `${size}, seed ${context.seed}, epoch ${context.epoch}`;
    const first = this.#captured?.key !== key;
    if (first) this.#capture(key, pixels, context);
    const captured = this.#captured as Captured;
    if (!first) {
      scope(() => {
        const fresh = valuesOf(uploadPixels(pixels, this.#model.device));
        captured.inputs.forEach((input, i) => {
          copy_(input, fresh[i]);
        });
      });
      this.#norms.forEach((norm, i) => {
        norm.count(captured.counts[i]);
      });
      this.#gradients.write(captured.gradients);
    }
    captured.graph.replay();
    return captured.losses;
  }

  /** Replaces the graph by one of this step, which leaves the store as a replay does. */
  #capture(key: string, pixels: PixelBatch, context: DrawContext): void {
    this.#dispose();
    const { parameters, device } = this.#model;
    // What is derived from the weights must be computed in each replay.
    for (const parameter of parameters) parameter.forgetDerived();
    const before = this.#norms.map(({ updates }) => updates);
    scope(() => {
      const uploaded = uploadPixels(pixels, device);
      let losses: StepLosses = {};
      const graph = DeviceGraph.capture(device, () => {
        losses = this.#step(batchFromUpload(uploaded, context));
      });
      const gradients = this.#gradients.read();
      const inputs = valuesOf(uploaded);
      for (const tensor of [...inputs, ...valuesOf(losses), ...gradients]) {
        if (tensor !== undefined) keep(tensor);
      }
      this.#captured = {
        key,
        graph,
        inputs,
        losses,
        gradients,
        counts: this.#norms.map(({ updates }, i) => updates - before[i]),
      };
    });
  }

  #dispose(): void {
    if (this.#captured === undefined) return;
    const { graph, inputs, losses, gradients } = this.#captured;
    this.#captured = undefined;
    graph.dispose();
    for (const tensor of [...inputs, ...valuesOf(losses), ...gradients]) tensor?.dispose();
  }
}
