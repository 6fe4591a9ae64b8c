/**
 * Auto-PGD: projected gradient ascent with momentum and an adaptive step size. Croce and Hein 2020, section 3,
 * "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
 * https://arxiv.org/abs/2003.01690
 */
import { UsageError } from "../../errors.js";
import { fromArray, gradientOf, scope, type Tensor } from "../../tensor/index.js";
import { add, clone, detach, sub, sum, where } from "../../tensor/operators.js";
import type { Attack, LogitsFunction } from "../attack.js";
import type { ThreatModel } from "../threat-model.js";
import { crossEntropyFrom, dlr, type Objective, rankedTargets, targetedDlr, wrong } from "./objective.js";

/** The maximised loss: cross-entropy, the difference of logits ratio, or that ratio targeted at the wrong class of a rank. */
export type ApgdLoss = "ce" | "dlr" | { readonly targetRank: number };

export interface ApgdOptions {
  readonly threatModel: ThreatModel;
  readonly loss: ApgdLoss;
  /** Number of iterations; by default the paper's 100. */
  readonly steps?: number;
}

/** Share of the new step; the rest is momentum (alpha of Algorithm 1). */
const STEP_SHARE = 0.75;
/** Share of the steps of a period that must raise the loss (rho of condition 1). */
const RISING_SHARE = 0.75;

/**
 * From a random point x_0 of the ball, with P the projection, steps eta = 2 epsilon and W the checkpoints:
 *
 * ```
 * x_1     = P(x_0 + eta g(x_0))                                      g: the threat model's steepest step
 * z       = P(x_k + eta g(x_k))
 * x_(k+1) = P(x_k + 0.75 (z - x_k) + 0.25 (x_k - x_(k-1)))
 * ```
 *
 * At each checkpoint k = w_j of W, eta of an image halves and its x_(k+1) goes back to its best point so far, if
 * 1. fewer than 0.75 (w_j - w_(j-1)) of the steps w_(j-1) <= i < w_j had f(x_(i+1)) > f(x_i), or
 * 2. neither eta nor the best f has changed since w_(j-1).
 *
 * An image is done once one of its points is misclassified, and the batch once all its images are done. N steps take N + 1 forward and
 * N backward passes. A targeted attack takes one more forward pass, which chooses the target by the logits of the clean image.
 *
 * @returns for each image the first misclassified point, or the point of the largest loss if none is misclassified
 * @throws ERR_ATTACK_STEPS the steps are not a positive integer
 * @throws ERR_CLASSES too few classes for the loss: "dlr" needs 3, a target needs 4
 */
export function apgd({ threatModel, loss, steps = 100 }: ApgdOptions): Attack {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UsageError("ERR_ATTACK_STEPS", `apgd: steps must be a positive integer; got ${steps}`);
  }
  const checkpoints = apgdCheckpoints(steps);
  return {
    perturb(logits, images, labels, keys) {
      return scope(() => {
        const objective = objectiveOf(loss, logits, images, labels);
        const ask = (x: Tensor, last: boolean) => evaluate(logits, objective, x, labels, !last);
        const control = new StepControl(images.shape[0], 2 * threatModel.epsilon);
        let points = scope((): Points => {
          const x = threatModel.start(images, keys);
          const { gradient, losses, fooled } = ask(x, false);
          control.start(losses, fooled);
          return { x, previous: x, gradient, best: x, bestGradient: gradient, found: x };
        });
        let period = 0;
        for (let k = 0; k < steps && !control.done; k++) {
          points = replacing(points, () => {
            const x = nextPoint(threatModel, images, points, [...control.sizes], k === 0);
            const { gradient, losses, fooled } = ask(x, k === steps - 1);
            const { better, newlyFooled } = control.see(losses, fooled);
            const best = choose(better, x, points.best);
            const bestGradient = choose(better, gradient, points.bestGradient);
            const found = choose(newlyFooled, x, points.found);
            const checked = k > 0 && k === checkpoints[period + 1];
            const restart = control.next(checked ? k - checkpoints[period] : undefined);
            if (checked) period += 1;
            return {
              x: choose(restart, best, x),
              previous: points.x,
              gradient: choose(restart, bestGradient, gradient),
              best,
              bestGradient,
              found,
            };
          });
        }
        return clone(choose(control.fooled, points.found, points.best));
      });
    },
  };
}

/**
 * The iterations w_0 = 0 < w_1 < ... at which step sizes may halve: w_j = ceil(p_j N) with p_0 = 0, p_1 = 0.22 and
 * p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06).
 */
export function apgdCheckpoints(steps: number): number[] {
  // Computed in hundredths, as integers, so that rounding cannot move a checkpoint.
  const shares = [0, 22];
  for (;;) {
    const [before, last] = shares.slice(-2);
    const next = last + Math.max(last - before - 3, 6);
    if (next > 100) break;
    shares.push(next);
  }
  return [...new Set(shares.map((share) => Math.ceil((share * steps) / 100)))];
}

/** The points of a search, each [N, C, H, W]. */
interface Points extends Record<string, Tensor> {
  readonly x: Tensor;
  readonly previous: Tensor;
  readonly gradient: Tensor;
  readonly best: Tensor;
  readonly bestGradient: Tensor;
  /** The first misclassified point of the images that have one. */
  readonly found: Tensor;
}

function nextPoint(
  threatModel: ThreatModel,
  images: Tensor,
  points: Points,
  eta: readonly number[],
  first: boolean,
): Tensor {
  const { x, previous, gradient } = points;
  const z = threatModel.advance(x, gradient, eta, images);
  if (first) return z;
  const moved = add(add(x, sub(z, x), STEP_SHARE), sub(x, previous), 1 - STEP_SHARE);
  return threatModel.project(moved, images);
}

/** The step size and losses of each image. It decides when a step size halves, and when an image is done. */
class StepControl {
  readonly count: number;
  /** eta */
  readonly sizes: Float64Array;
  readonly fooled: boolean[];
  readonly #loss: Float64Array;
  readonly #best: Float64Array;
  readonly #rises: Int32Array;
  /** Losses of the point before the latest one. */
  readonly #lossBefore: Float64Array;
  readonly #bestAtCheck: Float64Array;
  readonly #halvedAtCheck: Uint8Array;
  #started = false;

  constructor(count: number, size: number) {
    this.count = count;
    this.sizes = new Float64Array(count).fill(size);
    this.fooled = new Array<boolean>(count).fill(false);
    this.#loss = new Float64Array(count);
    this.#best = new Float64Array(count);
    this.#rises = new Int32Array(count);
    this.#lossBefore = new Float64Array(count);
    this.#bestAtCheck = new Float64Array(count);
    this.#halvedAtCheck = new Uint8Array(count);
  }

  get done(): boolean {
    return this.fooled.every((one) => one);
  }

  start(losses: readonly number[], fooled: readonly boolean[]): void {
    this.#loss.set(losses);
    this.#best.set(losses);
    for (let i = 0; i < this.count; i++) this.fooled[i] = fooled[i];
  }

  /** Records the losses of a new point. Tells for each image whether it is the best point, and whether it is the first misclassified one. */
  see(losses: readonly number[], fooled: readonly boolean[]): { better: boolean[]; newlyFooled: boolean[] } {
    const better = losses.map((loss, i) => loss > this.#best[i]);
    const newlyFooled = fooled.map((one, i) => one && !this.fooled[i]);
    losses.forEach((loss, i) => {
      this.#lossBefore[i] = this.#loss[i];
      this.#loss[i] = loss;
      if (better[i]) this.#best[i] = loss;
      if (fooled[i]) this.fooled[i] = true;
    });
    // Before the first period, the best loss is that of the first two points.
    if (!this.#started) this.#bestAtCheck.set(this.#best);
    this.#started = true;
    return { better, newlyFooled };
  }

  /** Ends an iteration. `period` is the length of the period at a checkpoint. Tells which images go back to their best points. */
  next(period: number | undefined): boolean[] {
    const restart = new Array<boolean>(this.count).fill(false);
    if (period !== undefined) {
      for (let i = 0; i < this.count; i++) {
        const stuck = this.#rises[i] < RISING_SHARE * period;
        const idle = this.#halvedAtCheck[i] === 0 && this.#best[i] === this.#bestAtCheck[i];
        restart[i] = stuck || idle;
        this.#bestAtCheck[i] = this.#best[i];
        this.#halvedAtCheck[i] = restart[i] ? 1 : 0;
        this.#rises[i] = 0;
        if (!restart[i]) continue;
        this.sizes[i] /= 2;
        this.#loss[i] = this.#best[i];
      }
    }
    // The step to x_(k+1) belongs to the period that begins at this checkpoint.
    for (let i = 0; i < this.count; i++) if (this.#loss[i] > this.#lossBefore[i]) this.#rises[i] += 1;
    return restart;
  }
}

function objectiveOf(loss: ApgdLoss, logits: LogitsFunction, images: Tensor, labels: Tensor): Objective {
  if (loss === "ce") return crossEntropyFrom(labels);
  if (loss === "dlr") return dlr(labels);
  return targetedDlr(
    labels,
    scope(() => rankedTargets(logits(images), labels, loss.targetRank)),
  );
}

/** The loss at a point, whether it is misclassified, and the gradient; the point itself if no gradient is wanted. */
function evaluate(logits: LogitsFunction, objective: Objective, at: Tensor, labels: Tensor, wanted: boolean) {
  return scope(() => {
    const x = wanted ? detach(at).requireGradient() : at;
    const output = logits(x);
    const losses = objective(output);
    const gradient = wanted ? gradientOf(sum(losses), x) : detach(at);
    return { gradient, losses: losses.toNumbers(), fooled: wrong(output, labels) };
  });
}

/** For each image `a` if it is chosen, else `b`. */
const choose = (chosen: readonly boolean[], a: Tensor, b: Tensor): Tensor =>
  where(fromArray(chosen.map(Number), [chosen.length, 1, 1, 1], "bool", a.device), a, b);

/** The next state of a loop. Tensors of the old state that the new one does not share are freed. */
function replacing<S extends Readonly<Record<string, Tensor>>>(state: S, next: () => S): S {
  const result = scope(next);
  const kept = new Set(Object.values(result));
  for (const tensor of new Set(Object.values(state))) if (!kept.has(tensor)) tensor.dispose();
  return result;
}
