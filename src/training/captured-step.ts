/** A training step as one CUDA graph: a GPU need not wait for the program to launch its thousands of kernels. */
import type { PixelBatch } from "../data/loading/batch.js";
import type { Classifier } from "../models/classifier.js";
import { BatchNorm } from "../nn/routed-batch-norm.js";
import { DeviceGraph, type GradientStore, keep, scope, type Tensor } from "../tensor/index.js";
import { copy_ } from "../tensor/operators.js";
import {
  batchFromPixels,
  batchFromUpload,
  type DrawContext,
  type StepLosses,
  type TrainingStep,
  type Upload,
  uploadPixels,
} from "./methods/step.js";

/** A graph with what it reads and writes. */
interface Captured {
  /** What the graph depends on besides the memory that it reads. */
  readonly key: string;
  readonly graph: DeviceGraph;
  readonly inputs: readonly Tensor[];
  readonly losses: StepLosses;
  readonly gradients: readonly (Tensor | undefined)[];
  /** For each batch norm, the number of updates of its running statistics in a step. */
  readonly counts: readonly number[];
}

const valuesOf = (tensors: Upload | StepLosses): Tensor[] => Object.values(tensors).flat();

/**
 * Runs a method's step. From the second mini-batch of a size on it captures the step as a graph and replays the graph. A graph holds the
 * epoch, which random draws depend on, as a constant, so each epoch has its own graph. A step is not captured while the factor of the
 * running statistics still changes from step to step. It is never captured again once a capture fails, for example because the step
 * reads from the GPU, or once a mini-batch contains a sample twice; {@link refusal} then gives the reason.
 */
export class CapturedStep {
  readonly #model: Classifier;
  readonly #step: TrainingStep;
  readonly #gradients: GradientStore;
  readonly #norms: readonly BatchNorm[];
  #captured: Captured | undefined;
  /** The size of the last mini-batch that ran without a graph. The fastest algorithms for this size are known. */
  #known = "";
  #refusal: string | undefined;

  constructor(model: Classifier, step: TrainingStep, gradients: GradientStore) {
    this.#model = model;
    this.#step = step;
    this.#gradients = gradients;
    this.#norms = Array.from(model.network.namedModules(), ([, module]) => module).filter(
      (module) => module instanceof BatchNorm,
    );
  }

  /** Why steps are no longer captured, as text for the user; undefined as long as they may be. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Adds the gradients of a mini-batch to the store, as the step itself does. The store must be empty. */
  run(pixels: PixelBatch, context: DrawContext): StepLosses {
    const size = `${pixels.labels.length} x ${pixels.height} x ${pixels.width}`;
    const withoutGraph = () => this.#step(batchFromPixels(pixels, context, this.#model.device));
    // The number of draws depends on which samples are repeated, and that differs from step to step.
    if (pixels.repeats !== undefined) this.#refusal ??= "a mini-batch contains an image twice";
    if (this.#refusal !== undefined || this.#known !== size || !this.#norms.every((norm) => norm.settled)) {
      this.#known = size;
      this.dispose();
      return withoutGraph();
    }
    // The graph reads the streams from memory, so they are not part of the key.
    const key = JSON.stringify([size, context.seed, context.epoch, { ...pixels.pending, streams: undefined }]);
    const first = this.#captured?.key !== key;
    if (first && !this.#capture(key, pixels, context)) return withoutGraph();
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

  /**
   * Replaces the graph by one of this step. The store is then as after a replay.
   *
   * @returns whether the step was captured; if not, everything is as before, and {@link refusal} gives the reason
   */
  #capture(key: string, pixels: PixelBatch, context: DrawContext): boolean {
    this.dispose();
    const before = this.#norms.map(({ updates }) => updates);
    try {
      this.#captured = this.#captureNow(key, pixels, context, before);
    } catch (error) {
      // The step now runs without a graph. If the step itself is wrong, it fails there with its own error.
      [this.#refusal] = String(error instanceof Error ? error.message : error).split("\n");
      this.#gradients.clear();
      this.#norms.forEach((norm, i) => {
        norm.count(before[i] - norm.updates);
      });
    }
    return this.#refusal === undefined;
  }

  #captureNow(key: string, pixels: PixelBatch, context: DrawContext, before: readonly number[]): Captured {
    const { device } = this.#model;
    return scope((): Captured => {
      const uploaded = uploadPixels(pixels, device);
      let losses: StepLosses = {};
      const graph = DeviceGraph.capture(device, () => {
        losses = this.#step(batchFromUpload(uploaded, pixels, context));
      });
      const gradients = this.#gradients.read();
      const inputs = valuesOf(uploaded);
      for (const tensor of [...inputs, ...valuesOf(losses), ...gradients]) {
        if (tensor !== undefined) keep(tensor);
      }
      const counts = this.#norms.map(({ updates }, i) => updates - before[i]);
      return { key, graph, inputs, losses, gradients, counts };
    });
  }

  /** Frees the graph. The next step is captured anew. */
  dispose(): void {
    if (this.#captured === undefined) return;
    const { graph, inputs, losses, gradients } = this.#captured;
    this.#captured = undefined;
    graph.dispose();
    for (const tensor of [...inputs, ...valuesOf(losses), ...gradients]) tensor?.dispose();
  }
}
