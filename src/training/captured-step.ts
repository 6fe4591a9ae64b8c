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
  /** How many updates of its running statistics each norm counts in a step. */
  readonly counts: readonly number[];
}

const valuesOf = (tensors: Upload | StepLosses): Tensor[] => Object.values(tensors).flat();

/**
 * Runs a method's step, and from the second mini-batch of a size on captures and replays it. Random draws are keyed by the epoch, which
 * a graph holds as a number, so each epoch has its own. Steps are not captured as long as the factor of the running statistics changes
 * from one to the next, nor where a step turns out to need the CPU on its way, nor any more once a batch holds repeats of a sample.
 */
export class CapturedStep {
  readonly #model: Classifier;
  readonly #step: TrainingStep;
  readonly #gradients: GradientStore;
  readonly #norms: readonly BatchNorm[];
  #captured: Captured | undefined;
  /** The size of mini-batches that went through the step as it is: the fastest algorithms for it are known. */
  #known = "";
  #refused = false;

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
    const asItIs = () => this.#step(batchFromPixels(pixels, context, this.#model.device));
    // Which samples are repeats differs from step to step, and decides how many draws are made.
    if (pixels.repeats !== undefined) this.#refuse("a mini-batch shows an image more than once");
    if (this.#refused || this.#known !== size || !this.#norms.every((norm) => norm.settled)) {
      this.#known = size;
      this.#dispose();
      return asItIs();
    }
    // Streams are read from memory.
    const key = JSON.stringify([size, context.seed, context.epoch, { ...pixels.pending, streams: undefined }]);
    const first = this.#captured?.key !== key;
    if (first && !this.#capture(key, pixels, context)) return asItIs();
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
   * Replaces the graph by one of this step, which leaves the store as a replay does.
   *
   * @returns whether the step could be captured; if not, all is as it was, and none is tried again
   */
  #capture(key: string, pixels: PixelBatch, context: DrawContext): boolean {
    this.#dispose();
    const before = this.#norms.map(({ updates }) => updates);
    try {
      this.#captured = this.#captureNow(key, pixels, context, before);
    } catch (error) {
      // What is wrong with the step itself, and not with its capture, is thrown again when the step is run as it is.
      this.#refuse(error instanceof Error ? error.message : String(error));
      this.#gradients.clear();
      this.#norms.forEach((norm, i) => {
        norm.count(before[i] - norm.updates);
      });
    }
    return !this.#refused;
  }

  /** Says once why no step is captured from here on. */
  #refuse(reason: string): void {
    if (this.#refused) return;
    this.#refused = true;
    process.emitWarning(`training steps are not captured as CUDA graphs, which makes them slower: ${reason}`, {
      code: "ADVPROP_NOT_CAPTURED",
    });
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

  #dispose(): void {
    if (this.#captured === undefined) return;
    const { graph, inputs, losses, gradients } = this.#captured;
    this.#captured = undefined;
    graph.dispose();
    for (const tensor of [...inputs, ...valuesOf(losses), ...gradients]) tensor?.dispose();
  }
}
