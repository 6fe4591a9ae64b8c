/** Accuracy under attack, counted image by image. An attack counts only where its result is verified to be inside the ball. */

import type { Norm } from "../attacks/square/square.js";
import type { PixelBatch } from "../data/loading/batch.js";
import { assert } from "../errors.js";
import type { AttackOutcome } from "./attack-outcome.js";
import { attackWarnings, outsideWarnings, squareWarning } from "./attack-warnings.js";

/** The attacked classifier, on typed arrays. */
export interface Subject {
  /** Logits (N, K) of images (N, H, W, 3), pixels in [0, 1]. */
  logits(images: Float32Array, shape: ImageShape): Float32Array | Promise<Float32Array>;
  /** (N) a norm of the gradient of the cross-entropy for each image; absent for a classifier without gradients. */
  gradientSizes?(images: Float32Array, shape: ImageShape, labels: Int32Array): number[];
}

export interface ImageShape {
  readonly height: number;
  readonly width: number;
}

/** An attack on the subject. */
export interface Adversary {
  readonly name: string;
  /** Maximum number of passes for one image. */
  readonly forward: number;
  readonly backward: number;
  /** Adversarial images (N, H, W, 3), pixels in [0, 1], for a batch. */
  perturb(batch: PixelBatch): Float32Array | Promise<Float32Array>;
}

export interface RobustnessOptions {
  readonly subject: Subject;
  /** Run in this order, each on the images that are still classified correctly. */
  readonly adversaries: readonly Adversary[];
  readonly norm: Norm;
  /** Radius of the ball, with pixels in [0, 1]. */
  readonly epsilon: number;
  /** Total number of images in the batches, for the cost. */
  readonly count: number;
  /** Called once, after the first clean passes and before any attack. */
  readonly onCost?: (cost: AttackCost) => void;
  /** Called for each warning when it is found. */
  readonly onWarning?: (warning: string) => void;
  /** Called after each attack on each batch, with the number of images so far and of those still classified correctly. */
  readonly onProgress?: (done: number, attack: string, standing: number) => void;
}

/** The maximum cost of an evaluation. It is less where images break early. */
export interface AttackCost {
  /** Passes of single images through the network, forward and backward. */
  readonly forward: number;
  readonly backward: number;
  /** Estimated from the clean passes of the first batch. */
  readonly seconds: number;
}

export interface Robustness {
  readonly count: number;
  readonly cleanAccuracy: number;
  readonly attacks: readonly AttackOutcome[];
  /** Share of all images that are classified correctly when clean and after every attack. */
  readonly robustAccuracy: number;
  /** (N) "wrong" for a misclassified clean image, the name of the attack that broke it, or "robust". */
  readonly outcomes: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Attacks every correctly classified image by one attack after the other until one succeeds.
 *
 * The result of every attack is verified: its distance to the original pixels is computed in float64, and it is classified
 * again. It counts where it is in the ball (up to the rounding of float32) and in [0, 1], and its label is no longer the
 * class of the largest logit. A clean image that is misclassified is not attacked.
 */
export async function measureRobustness(
  options: RobustnessOptions,
  batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>,
): Promise<Robustness> {
  const { subject, adversaries, norm, epsilon } = options;
  const tallies = adversaries.map(() => ({ attacked: 0, broken: 0, outside: 0, seconds: 0 }));
  const outcomes: string[] = [];
  const warnings: string[] = [];
  const warn = (warning: string) => {
    warnings.push(warning);
    options.onWarning?.(warning);
  };
  for await (const batch of batches) {
    const first = outcomes.length;
    const images = unitPixels(batch);
    if (first === 0) await begin(options, batch, images, warn);
    const clean = await subject.logits(images, batch);
    const right = isRight(clean, batch.labels);
    outcomes.push(...right.map((one) => (one ? "robust" : "wrong")));
    let left = right.flatMap((one, i) => (one ? [i] : []));
    for (const [a, adversary] of adversaries.entries()) {
      if (left.length > 0) {
        const started = performance.now();
        const part = rowsOf(batch, left);
        const adversarial = await adversary.perturb(part);
        const inside = insideBall(norm, epsilon, unitPixels(part), adversarial, left.length);
        const still = isRight(await subject.logits(adversarial, part), part.labels);
        const broken = left.map((_, i) => inside[i] && !still[i]);
        tallies[a].attacked += left.length;
        tallies[a].outside += inside.filter((one) => !one).length;
        tallies[a].broken += broken.filter((one) => one).length;
        tallies[a].seconds += (performance.now() - started) / 1000;
        left.forEach((index, i) => {
          if (broken[i]) outcomes[first + index] = adversary.name;
        });
        left = left.filter((_, i) => !broken[i]);
      }
      const standing = outcomes.filter((outcome) => outcome === "robust").length;
      options.onProgress?.(outcomes.length, adversary.name, standing);
    }
  }

  const count = outcomes.length;
  const cleanRight = outcomes.filter((outcome) => outcome !== "wrong").length;
  let right = cleanRight;
  const attacks = tallies.map((tally, a) => {
    right -= tally.broken;
    return { name: adversaries[a].name, ...tally, accuracy: right / count };
  });
  for (const warning of outsideWarnings(attacks)) warn(warning);
  const masked = squareWarning(attacks);
  if (masked !== undefined) warn(masked);
  return { count, cleanAccuracy: cleanRight / count, attacks, robustAccuracy: right / count, outcomes, warnings };
}

/** Runs the clean passes before the first attack, which give warnings and the estimated cost. */
async function begin(
  { subject, adversaries, count, onCost }: RobustnessOptions,
  batch: PixelBatch,
  images: Float32Array,
  warn: (warning: string) => void,
): Promise<void> {
  const first = await subject.logits(images, batch);
  const started = performance.now();
  const second = await subject.logits(images, batch);
  const forwardMs = performance.now() - started;
  const sizes = subject.gradientSizes?.(images, batch, batch.labels);
  const backwardMs = Math.max(0, performance.now() - started - 2 * forwardMs);
  for (const warning of attackWarnings(first, second, sizes, batch.labels.length)) warn(warning);

  const total = (of: (adversary: Adversary) => number) =>
    count * adversaries.reduce((sum, adversary) => sum + of(adversary), 0);
  const [forward, backward] = [total((one) => one.forward), total((one) => one.backward)];
  const seconds = (forward * forwardMs + backward * backwardMs) / batch.labels.length / 1000;
  onCost?.({ forward, backward, seconds });
}

/** float32 pixels in [0, 1] from 8-bit pixels. */
export const unitPixels = ({ pixels }: Pick<PixelBatch, "pixels">): Float32Array =>
  Float32Array.from(pixels, (value) => value / 255);

/** Whether each image is in the ball around its original and in [0, 1]. */
export function insideBall(
  norm: Norm,
  epsilon: number,
  originals: ArrayLike<number>,
  images: ArrayLike<number>,
  count: number,
): boolean[] {
  assert(images.length === originals.length, "an attack returns as many pixels as it is given");
  const size = originals.length / count;
  // Tolerances for float32: one rounding of a pixel, and a relative 1e-5 of a Euclidean length.
  const most = norm === "linf" ? epsilon + 2 ** -23 : epsilon * (1 + 1e-5);
  return Array.from({ length: count }, (_, n) => {
    let largest = 0;
    let squares = 0;
    for (let i = n * size; i < (n + 1) * size; i++) {
      // Also false for NaN.
      if (!(images[i] >= 0 && images[i] <= 1)) return false;
      const change = Math.abs(images[i] - originals[i]);
      largest = Math.max(largest, change);
      squares += change * change;
    }
    return (norm === "linf" ? largest : Math.sqrt(squares)) <= most;
  });
}

/** Whether the largest logit of each row (N, K) is that of its label. Of equal logits the first counts. NaN never counts. */
function isRight(logits: Float32Array, labels: Int32Array): boolean[] {
  const classes = logits.length / labels.length;
  return Array.from(labels, (label, n) => {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    return (
      !Number.isNaN(row[label]) &&
      row.every((logit, k) => k === label || !(k < label ? logit >= row[label] : logit > row[label]))
    );
  });
}

/** Some images of a batch. */
function rowsOf(batch: PixelBatch, indices: readonly number[]): PixelBatch {
  const { height, width } = batch;
  const size = height * width * 3;
  const pixels = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    pixels.set(batch.pixels.subarray(index * size, (index + 1) * size), i * size);
  });
  return {
    pixels,
    labels: Int32Array.from(indices, (index) => batch.labels[index]),
    samples: Uint32Array.from(indices, (index) => batch.samples[index]),
    height,
    width,
  };
}
