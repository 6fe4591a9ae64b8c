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
  /** Which wrong class it goes for: 1 is the likeliest of the clean image. */
  readonly targetRank: number;
  /** Iterations; the paper's 100 unless given. */
  readonly steps?: number;
  /** Distance at which it is content: it stops once every image has an adversarial example as near. */
  readonly enough?: number;
  /** Starts at a random point of the ball of half this radius instead of at the image: how restarts differ. */
  readonly startWithin?: number;
}

/** An adversarial example near each image. */
export interface Nearest {
  /** [N, C, H, W]; the image itself where none was found. */
  readonly images: Tensor;
  /** (N) distances from the images; Infinity where none was found. */
  readonly distances: readonly number[];
}

// The paper's values, section 3: overshoot eta, largest bias towards the image alpha_max, backward step beta.
const OVERSHOOT = 1.05;
const LARGEST_BIAS = 0.1;
const BACKWARD = 0.9;
/** Steps of the final search, section 2.5. */
const FINAL_STEPS = 3;
/** How far beyond the boundary the final search aims, as a share of what is left, so that no rounding decides. */
const STAND_OFF = 0.01;
/** How far beyond the boundary the last projection aims, as a share of the distance. */
const LAST_OVERSHOOT = 1e-4;

const IMAGE = [1, 2, 3];

/**
 * The nearest adversarial example that a targeted search (FAB-T) finds, whatever its distance.
 *
 * At x_i the boundary between label y and target t is linearised, f = z_t - z_y and w its gradient. With delta and
 * delta_0 the shortest ways from x_i and from the image to f = 0 within the box ({@link toHyperplane}) and
 * alpha = min(|delta| / (|delta| + |delta_0|), 0.1),
 * ```
 * x_(i+1) = clip01((1 - alpha) (x_i + 1.05 delta) + alpha (image + 1.05 delta_0)).
 * ```
 * Where it is misclassified, as any class, it is a candidate, and x_(i+1) goes back to image + 0.9 (x_(i+1) - image). At
 * the end the candidate moves along the segment to the image by three secant steps for f, and once more the image is
 * projected onto the boundary as linearised there; what is nearer and still misclassified is taken. 2 N + 13 forward and
 * N + 1 backward passes for N steps.
 *
 * Departures: the last projection, which makes the distance of an affine classifier exact also where the box cuts its
 * ball, is ours, and so is the secant's stand-off of 1 %.
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
 * FAB-T as an attack of a given size: the nearest adversarial example where it lies within the ball, else its
 * projection onto it.
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

/** Linearises z_t - z_y at a point: its value [N, 1, 1, 1] and gradient. */
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

/** What <w, delta> from the images must be to reach the boundary as linearised at x. */
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

  /** Takes what is misclassified and nearer than before; tells what is misclassified. */
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

/** Brings the candidates nearer: along the segments to their images, then by a last projection. */
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
      // Where the line through the two margins is zero, seen from outside, less the stand-off.
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
