/**
 * FAB: the nearest adversarial example, by steps to the linearised decision boundary. Croce and Hein 2020, "Minimally
 * distorted adversarial examples with a fast adaptive boundary attack", https://arxiv.org/abs/1907.02044
 */
import { UsageError } from "../../errors.js";
import { type Device, fromArray, gradientOf, scope, type Tensor } from "../../tensor/index.js";
import {
  abs,
  add,
  amax,
  clamp,
  clone,
  copy_,
  detach,
  div,
  mul,
  neg,
  normOver,
  pick,
  reshape,
  sub,
  sum,
  where,
} from "../../tensor/operators.js";
import type { Attack, LogitsFunction } from "../attack.js";
import { type Norm, type ThreatModel, threatModel } from "../threat-model.js";
import { toHyperplane } from "./hyperplane.js";
import { misclassified, rankedTargets } from "./objective.js";

export interface FabOptions {
  readonly norm: Norm;
  /** Rank of the target among the wrong classes of the clean image: 1 is the most probable. */
  readonly targetRank: number;
  /** Number of iterations; by default the paper's 100. */
  readonly steps?: number;
  /** The attack stops once every image has an adversarial example within this distance; by default 0. */
  readonly enough?: number;
  /** For restarts: the attack starts at a random point of the ball of half this radius instead of at the image. */
  readonly startWithin?: number;
}

/** An adversarial example near each image. */
export interface Nearest {
  /** [N, C, H, W]; the image itself if no adversarial example was found. */
  readonly images: Tensor;
  /** (N) distances from the images; Infinity if none was found. */
  readonly distances: readonly number[];
}

// The paper's values, section 3: overshoot eta, largest bias towards the image alpha_max, backward step beta.
const OVERSHOOT = 1.05;
const LARGEST_BIAS = 0.1;
const BACKWARD = 0.9;
/** Steps of the final search, section 2.5. */
const FINAL_STEPS = 3;
/** How far beyond the boundary the final search aims, as a share of the remaining distance, so that rounding does not decide. */
const STAND_OFF = 0.01;
/** How far beyond the boundary the last projection aims, as a share of the distance. */
const LAST_OVERSHOOT = 1e-4;

const IMAGE = [1, 2, 3];

/**
 * The nearest adversarial example that a targeted search (FAB-T) finds, at any distance.
 *
 * At x_i the boundary between label y and target t is linearised: f = z_t - z_y, with the gradient w. Let delta and delta_0 be the
 * shortest perturbations of x_i and of the image that reach f = 0 within the box ({@link toHyperplane}), and
 * alpha = min(|delta| / (|delta| + |delta_0|), 0.1). Then
 * ```
 * x_(i+1) = clip01((1 - alpha) (x_i + 1.05 delta) + alpha (image + 1.05 delta_0)).
 * ```
 * If x_(i+1) is misclassified as any class, it is a candidate, and x_(i+1) goes back to image + 0.9 (x_(i+1) - image). At the end,
 * three secant steps for f move the candidate along the segment towards the image. Then the boundary is linearised at the candidate,
 * and the image is projected onto it once more. The nearest result that is still misclassified is returned. N steps take 2 N + 13
 * forward and N + 1 backward passes.
 *
 * Departures from the paper: the last projection, which makes the distance for an affine classifier exact even if the box [0, 1] cuts
 * its ball; and the aim of the secant steps, 1 % beyond the boundary.
 *
 * @throws ERR_ATTACK_STEPS the steps are not a positive integer
 * @throws ERR_CLASSES the rank is not below the number of classes
 */
export function nearestAdversarial(
  { norm, targetRank, steps = 100, enough = 0, startWithin }: FabOptions,
  logits: LogitsFunction,
  images: Tensor,
  labels: Tensor,
  keys: Parameters<ThreatModel["start"]>[1],
): Nearest {
  checkSteps(steps);
  return scope(() => {
    const targets = scope(() => rankedTargets(logits(images), labels, targetRank));
    const candidates = new Candidates(norm, logits, images, labels);
    let x = startWithin === undefined ? detach(images) : threatModel(norm, startWithin / 2).start(images, keys);
    for (let i = 0; i < steps && !candidates.within(enough); i++) {
      const previous = x;
      x = scope(() => {
        const next = step(norm, logits, images, previous, labels, targets);
        const fooled = candidates.offer(next);
        return where(mask(fooled, next.device), between(images, next, BACKWARD), next);
      });
      previous.dispose();
    }
    if (!candidates.within(enough)) finalSearch(norm, candidates, images, labels, targets);
    return { images: candidates.best, distances: [...candidates.distances] };
  });
}

/**
 * FAB-T as an attack of a given size: the nearest adversarial example if it lies within the ball, else its projection onto the ball.
 *
 * @throws as {@link nearestAdversarial}
 */
export function fab(options: Omit<FabOptions, "norm" | "enough">, norm: Norm, epsilon: number): Attack {
  checkSteps(options.steps ?? 100);
  const ball = threatModel(norm, epsilon);
  return {
    perturb: (logits, images, labels, keys) =>
      scope(() => {
        const nearest = nearestAdversarial({ ...options, norm, enough: epsilon }, logits, images, labels, keys);
        return ball.project(nearest.images, images);
      }),
  };
}

/** The value [N, 1, 1, 1] and the gradient of z_t - z_y at a point. */
function linearise(logits: LogitsFunction, at: Tensor, labels: Tensor, targets: Tensor) {
  return scope(() => {
    const x = detach(at).requireGradient();
    const output = logits(x);
    const value = sub(pick(output, targets), pick(output, labels));
    const gradient = gradientOf(sum(value), x);
    return { value: reshape(detach(value), [labels.size, 1, 1, 1]), gradient };
  });
}

function step(norm: Norm, logits: LogitsFunction, images: Tensor, x: Tensor, labels: Tensor, targets: Tensor): Tensor {
  return scope(() => {
    const { value, gradient } = linearise(logits, x, labels, targets);
    const delta = toHyperplane(norm, x, gradient, neg(value));
    const own = toHyperplane(norm, images, gradient, distanceOf(value, gradient, x, images));
    const length = lengths(norm, delta);
    const total = clamp(add(length, lengths(norm, own)), 2 ** -126, null);
    const alpha = clamp(div(length, total), null, LARGEST_BIAS);
    const moved = add(x, delta, OVERSHOOT);
    return clamp(add(moved, mul(sub(add(images, own, OVERSHOOT), moved), alpha)), 0, 1);
  });
}

/** The value of <w, delta>, with delta from the images, at the boundary as linearised at x. */
const distanceOf = (value: Tensor, gradient: Tensor, x: Tensor, images: Tensor): Tensor =>
  neg(add(value, sum(mul(gradient, sub(images, x)), IMAGE, true)));

const lengths = (norm: Norm, delta: Tensor): Tensor =>
  norm === "linf" ? amax(abs(delta), IMAGE) : normOver(delta, IMAGE);

/** from + share (to - from) */
const between = (from: Tensor, to: Tensor, share: number | Tensor): Tensor => add(from, mul(sub(to, from), share));

const mask = (chosen: readonly boolean[], device: Device): Tensor =>
  fromArray(chosen.map(Number), [chosen.length, 1, 1, 1], "bool", device);

/** The nearest misclassified point of each image so far. */
class Candidates {
  readonly best: Tensor;
  readonly distances: number[];

  constructor(
    readonly norm: Norm,
    readonly logits: LogitsFunction,
    readonly images: Tensor,
    readonly labels: Tensor,
  ) {
    this.best = clone(images);
    this.distances = new Array<number>(images.shape[0]).fill(Number.POSITIVE_INFINITY);
  }

  get found(): boolean[] {
    return this.distances.map(Number.isFinite);
  }

  within(distance: number): boolean {
    return this.distances.every((one) => one <= distance);
  }

  /** Keeps the points that are misclassified and nearer than before. Tells which points are misclassified. */
  offer(x: Tensor): boolean[] {
    return scope(() => {
      const fooled = misclassified(this.logits, x, this.labels);
      const distances = lengths(this.norm, sub(x, this.images)).toNumbers();
      const nearer = distances.map((distance, i) => fooled[i] && distance < this.distances[i]);
      nearer.forEach((one, i) => {
        if (one) this.distances[i] = distances[i];
      });
      copy_(this.best, where(mask(nearer, x.device), x, this.best));
      return fooled;
    });
  }
}

/** Moves the candidates nearer: along the segments to their images, then by a last projection. */
function finalSearch(norm: Norm, candidates: Candidates, images: Tensor, labels: Tensor, targets: Tensor): void {
  const { logits, found } = candidates;
  if (!found.some((one) => one)) return;
  const margin = (x: Tensor) =>
    scope(() => {
      const output = logits(x);
      return reshape(sub(pick(output, targets), pick(output, labels)), [labels.size, 1, 1, 1]);
    });
  scope(() => {
    let inside = images;
    let insideMargin = margin(images);
    for (let i = 0; i < FINAL_STEPS; i++) {
      const outsideMargin = margin(candidates.best);
      // The zero of the line through the two margins, moved beyond the boundary by STAND_OFF.
      const whole = clamp(sub(outsideMargin, insideMargin), 2 ** -126, null);
      const share = mul(clamp(div(outsideMargin, whole), 0, 1), 1 - STAND_OFF);
      const x = between(candidates.best, inside, share);
      const right = mask(
        candidates.offer(x).map((fooled) => !fooled),
        x.device,
      );
      inside = where(right, x, inside);
      insideMargin = where(right, margin(x), insideMargin);
    }
    const { value, gradient } = linearise(logits, candidates.best, labels, targets);
    const delta = toHyperplane(norm, images, gradient, distanceOf(value, gradient, candidates.best, images));
    candidates.offer(clamp(add(images, delta, 1 + LAST_OVERSHOOT), 0, 1));
  });
}

function checkSteps(steps: number): void {
  if (Number.isInteger(steps) && steps >= 1) return;
  throw new UsageError("ERR_ATTACK_STEPS", `fab: steps must be a positive integer; got ${steps}`);
}
