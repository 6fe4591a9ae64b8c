/** One workload of the benchmark: it times real updates of a network on random images. */
import { getHeapSpaceStatistics } from "node:v8";
import type { PixelBatch } from "../../data/loading/batch.js";
import { UsageError } from "../../errors.js";
import type { Classifier } from "../../models/classifier.js";
import { architecture } from "../../models/registry.js";
import { BatchNorm } from "../../nn/routed-batch-norm.js";
import { KeyedRandom, Purpose } from "../../random.js";
import { buildLearner, type Learner } from "../../recipes/build/build.js";
import { recipeAttackGradients } from "../../recipes/build/method-step.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { type ProfileRow, profile, setMemoryLimit, setThreads } from "../../tensor/index.js";
import { type UpdateParts, update } from "../../training/update.js";
import { minorFaults, peakResidentBytes, resetPeakResident, residentBytes } from "./process-memory.js";

/** Small, so that any number of steps on random labels stays finite. */
const RATE = 1e-3;
const SEED = 0;
/** Least and largest number of warm-up steps. The warm-up ends when the memory is steady. */
const WARM_UP = { least: 2, most: 6 };
/** After this many updates the running statistics change by the same factor in every step, as in nearly all steps of a training. */
const UPDATES = 1000;
/** Memory counts as steady if a step raises its peak by at most this share. */
const STEADY = 0.01;

/** What one update took. */
export interface StepTime {
  readonly ms: number;
  readonly minorFaults: number;
}

/** The profile of one update. */
export interface StepProfile {
  readonly ms: number;
  readonly rows: readonly ProfileRow[];
  /** Floating-point operations of convolutions and matrix products, gradients included. */
  readonly flops: number;
  /** Share of the time in convolutions. */
  readonly convolutionShare: number;
}

/** A network with its method, optimiser and one mini-batch, ready to be stepped. */
export class Workload {
  readonly batchSize: number;
  readonly imageSize: number;
  /** Gradients that the attack computes for each image; 0 for a method without an attack. */
  readonly attackSteps: number;
  readonly #learner: Learner;
  readonly #batch: PixelBatch;
  /** Bytes of the process before the network was made. */
  readonly #footprint: number;
  #steps = 0;

  private constructor(recipe: ResolvedRecipe, learner: Learner, batch: PixelBatch, footprint: number) {
    this.#learner = learner;
    this.#batch = batch;
    this.batchSize = batch.labels.length;
    this.imageSize = batch.width;
    this.attackSteps = recipeAttackGradients(recipe);
    this.#footprint = footprint;
  }

  /** @throws ERR_BATCH_SIZE the batch size is auto; ERR_MODEL the network is not known */
  static async open(recipe: ResolvedRecipe): Promise<Workload> {
    const { batchSize } = recipe.training;
    if (batchSize === "auto") throw new UsageError("ERR_BATCH_SIZE", "bench: --batch-size must be a number; got auto");
    const { imageSize, classes } = architecture(recipe.model);
    const side = recipe.data.imageSize ?? imageSize;
    setThreads(recipe.threads);
    setMemoryLimit(recipe.memoryLimit ?? undefined);
    const batch = randomBatch(batchSize, side, classes);
    const footprint = residentBytes();
    resetPeakResident();
    const learner = await buildLearner(recipe, randomData(side, classes));
    if (learner.captured !== undefined) count(learner.model, UPDATES);
    const moreViews = new Array<Uint8Array>(learner.views - 1).fill(batch.pixels);
    return new Workload(recipe, learner, { ...batch, ...(learner.views > 1 && { moreViews }) }, footprint);
  }

  /** Makes steps until the peak of memory stops growing. Returns the number of steps. */
  warmUp(): number {
    for (let steps = 1; ; steps++) {
      const before = peakResidentBytes();
      this.step();
      const steady = peakResidentBytes() - before <= STEADY * before;
      if (steps >= WARM_UP.most || (steps >= WARM_UP.least && steady)) {
        useYoungGeneration();
        return steps;
      }
    }
  }

  /** One update of the weights. */
  step(): StepTime {
    const faults = minorFaults();
    const start = performance.now();
    this.#update();
    return { ms: performance.now() - start, minorFaults: minorFaults() - faults };
  }

  /** One update under the profiler. It never runs as a CUDA graph, so that every operator is recorded. */
  profile(): StepProfile {
    const { ms, rows } = profile(() => this.#update({ ...this.#learner, captured: undefined }), this.#learner.device);
    const total = (value: (row: ProfileRow) => number) => rows.reduce((sum, row) => sum + value(row), 0);
    return {
      ms,
      rows,
      flops: total(({ flops }) => flops),
      convolutionShare: total((row) => (row.convolution ? row.ms : 0)) / ms,
    };
  }

  /** Peak memory of the process minus its memory before the network was made. */
  get peakBytes(): number {
    return peakResidentBytes() - this.#footprint;
  }

  /** Why steps are no longer captured as a CUDA graph; undefined if they are, or if the device has no such graphs. */
  get graphRefusal(): string | undefined {
    return this.#learner.captured?.refusal;
  }

  #update(learner: UpdateParts = this.#learner): void {
    const context = { seed: SEED, epoch: 0, step: this.#steps, rate: RATE, saved: 0 };
    update(learner, [this.#batch], context);
    this.#steps += 1;
  }
}

/** Sets the update counters of the network's batch norms. */
function count({ network }: Classifier, updates: number): void {
  for (const [, module] of network.namedModules()) if (module instanceof BatchNorm) module.count(updates);
}

/**
 * Writes to all of JavaScript's young generation, because the first write to each of its pages is a page fault. A training has done
 * this after some dozen steps, and has no page faults of its own after that.
 */
function useYoungGeneration(): void {
  const bytes = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
  const length = 1024;
  for (let made = 0; made < 2 * bytes; made += 8 * length) new Array<number>(length).fill(0);
}

/** Random pixels and labels, the same in every process. */
function randomBatch(count: number, side: number, classes: number): PixelBatch {
  const random = new KeyedRandom(SEED, Purpose.synthesis);
  const pixels = Uint8Array.from({ length: count * side * side * 3 }, (_, i) => random.uint32(i) >>> 24);
  return {
    pixels,
    labels: Int32Array.from({ length: count }, (_, i) => random.integer(i, classes)),
    samples: Uint32Array.from({ length: count }, (_, i) => i),
    height: side,
    width: side,
  };
}

/** The facts of a data set that a learner needs. */
const randomData = (side: number, classes: number) => ({
  classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
  imageSize: side,
  whole: true,
  preview: async (count: number) => randomBatch(count, side, classes),
});
