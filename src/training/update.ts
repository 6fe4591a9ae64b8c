/** One update of the weights: gradients of the mini-batches, check for finite values, clipping, optimiser, weight average. */
import type { PixelBatch } from "../data/loading/batch.js";
import type { RankedUpdate, StopReason } from "../distributed/ranked-update.js";
import { RunError } from "../errors.js";
import type { Gradients, Optimizer } from "../optim/optimizer.js";
import type { WeightAverage } from "../optim/weight-average.js";
import { type Device, type GradientStore, scope, type Tensor } from "../tensor/index.js";
import { cast, eachMul_, normOfAll, stack } from "../tensor/operators.js";
import type { CapturedStep } from "./captured-step.js";
import { batchFromPixels, type StepLosses, type TrainingStep } from "./methods/step.js";

/** The parts that an update needs. */
export interface UpdateParts {
  readonly step: TrainingStep;
  /** The same step as a CUDA graph, for updates of one mini-batch. */
  readonly captured?: CapturedStep;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  /** A gradient with a larger L2 norm is scaled down to this norm. */
  readonly clipGradientNorm?: number | null;
  /** Device of the network; by default the CPU. */
  readonly device?: Device;
  /** The moving average of the weights, if there is one. */
  readonly average?: WeightAverage;
  /** The running statistics by name, which must stay finite too; not checked if absent. */
  readonly statistics?: ReadonlyMap<string, Tensor>;
  /** The exchange with other ranks, over the same gradient store; absent for a single process. */
  readonly ranks?: RankedUpdate;
}

/** The mean losses of an update's mini-batches, in nats. */
export type StepMetrics = { readonly [name in keyof StepLosses]: number };

/** Identifies an update. */
export interface UpdateContext {
  readonly seed: number;
  readonly epoch: number;
  /** Number of updates done before. */
  readonly step: number;
  /** The learning rate. */
  readonly rate: number;
  /** The step of the last checkpoint, 0 for none. The message of a failure names it. */
  readonly saved: number;
  /** The reason of this rank to stop, if it has one. */
  readonly stop?: StopReason;
}

/**
 * Changes the weights once, by the mean gradient over mini-batches. Batch norm statistics are those of each mini-batch.
 *
 * @returns the mean losses, the gradient's L2 norm before clipping, and a rank's reason to stop, if any rank has one
 * @throws ERR_NON_FINITE a loss, the gradient or a running statistic is not finite; the weights are unchanged, but the running
 *   statistics are not
 * @throws RunError ERR_RANK another rank has ended
 */
export function update(
  { step, captured, gradients, optimizer, clipGradientNorm, device, average, statistics, ranks }: UpdateParts,
  batches: readonly PixelBatch[],
  context: UpdateContext,
): { metrics: StepMetrics; gradientNorm: number; stop: StopReason | undefined } {
  return scope(() => {
    try {
      const run = (pixels: PixelBatch) =>
        captured !== undefined && batches.length === 1
          ? captured.run(pixels, context)
          : step(batchFromPixels(pixels, context, device));
      const losses = batches.map((pixels) => {
        ranks?.begin(pixels.labels.length);
        return scoped(() => run(pixels));
      });
      const reduced = ranks?.finish(readEach(losses), context.stop);
      const means = gradients.read();
      if (ranks === undefined && batches.length > 1) eachMul_(present(means), 1 / batches.length);
      const running = [...(statistics?.values() ?? [])];
      const all = running.length === 0 ? [present(means)] : [present(means), running];
      const { metrics, norms } = read(losses, all.map(normOfAll), reduced?.losses);
      const [gradientNorm, runningNorm = 0] = norms;
      assertFinite({ ...metrics, "the gradient's norm": gradientNorm }, context);
      if (!Number.isFinite(runningNorm)) assertFinite(normsOf(statistics), context);
      if (clipGradientNorm && gradientNorm > clipGradientNorm) {
        eachMul_(present(means), clipGradientNorm / gradientNorm);
      }
      optimizer.step(means, context.rate);
      average?.update(context.step);
      return { metrics, gradientNorm, stop: reduced?.stop };
    } finally {
      gradients.clear();
    }
  });
}

const present = (gradients: Gradients): Tensor[] => gradients.filter((gradient) => gradient !== undefined);

const valuesOf = (losses: StepLosses): Tensor[] => Object.values(losses);

/** The losses of a step; all other tensors of the step are freed. */
function scoped(step: () => StepLosses): StepLosses {
  let losses: StepLosses = {};
  scope(() => {
    losses = step();
    return valuesOf(losses);
  });
  return losses;
}

/** The norm of each running statistic, by name. */
const normsOf = (statistics: UpdateParts["statistics"] = new Map()): Record<string, number> =>
  Object.fromEntries(Array.from(statistics, ([name, tensor]) => [`the norm of ${name}`, normOfAll([tensor]).item()]));

/** The losses of each mini-batch as numbers, sorted by name. */
const readEach = (all: readonly StepLosses[]): number[][] =>
  all.map((losses) => stack(valuesOf(losses).map((value) => cast(value, "float64"))).toNumbers());

/**
 * The means of losses of the same names, and norms. All values are read at once, because each read waits for the GPU.
 *
 * @param known the means, if they are known already
 */
function read(
  all: readonly StepLosses[],
  norms: readonly Tensor[],
  known?: readonly number[],
): { metrics: StepMetrics; norms: readonly number[] } {
  const names = Object.keys(all[0]) as (keyof StepLosses)[];
  const losses = all.flatMap(valuesOf);
  const numbers = stack([...losses, ...norms].map((value) => cast(value, "float64"))).toNumbers();
  const mean = (position: number) =>
    known?.[position] ?? all.reduce((total, _, i) => total + numbers[i * names.length + position], 0) / all.length;
  return { metrics: Object.fromEntries(names.map((name, i) => [name, mean(i)])), norms: numbers.slice(losses.length) };
}

/** @throws ERR_NON_FINITE */
function assertFinite(values: Readonly<Record<string, number>>, { step, saved }: UpdateContext): void {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isFinite(value)) continue;
    throw new RunError(
      "ERR_NON_FINITE",
      `fit: ${name} must be finite; got ${value} at step ${step}. The weights were not changed. ` +
        (saved > 0 ? `The last good checkpoint is of step ${saved}. ` : "There is no checkpoint yet. ") +
        "Likely causes: a learning rate that is too high (try a third of it), " +
        "a gradient that explodes (set training.clipGradientNorm, for example to 5), or damaged images.",
    );
  }
}
