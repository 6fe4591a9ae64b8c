/** Means of the errors under the fifteen corruptions, with and without normalisation by a reference. */

import { CORRUPTIONS, SEVERITIES } from "../corruptions/index.js";
import { assert } from "../errors.js";

/** One of the fifteen corruptions that count; the four extra ones do not. */
export type BenchmarkCorruption = (typeof CORRUPTIONS)[number];

/** Top-1 errors, fractions, of severity 1 .. 5 for each of the fifteen corruptions. */
export type CorruptionErrors = Readonly<Record<BenchmarkCorruption, readonly number[]>>;

/** The classifier by whose errors an mCE is normalised. An mCE is meaningless without its name. */
export interface CorruptionReference {
  readonly name: string;
  /** Mean top-1 error over the five severities, a fraction. */
  readonly errors: Readonly<Record<BenchmarkCorruption, number>>;
  /** Top-1 error on clean images, a fraction. */
  readonly cleanError: number;
}

/**
 * AlexNet on ImageNet-C, the reference of the published mCE.
 *
 * Source: errors under corruption as in google-research/augmix, imagenet.py (Hendrycks et al. 2020,
 * https://arxiv.org/abs/1912.02781). They belong to torchvision's weights, whose clean top-1 accuracy is 56.522 %
 * (https://pytorch.org/vision/stable/models/generated/torchvision.models.alexnet.html)
 */
export const ALEXNET: CorruptionReference = {
  name: "AlexNet",
  errors: {
    gaussian_noise: 0.886428,
    shot_noise: 0.894468,
    impulse_noise: 0.92264,
    defocus_blur: 0.81988,
    glass_blur: 0.826268,
    motion_blur: 0.785948,
    zoom_blur: 0.79836,
    snow: 0.866816,
    frost: 0.826572,
    fog: 0.819324,
    brightness: 0.564592,
    contrast: 0.853204,
    elastic_transform: 0.646056,
    pixelate: 0.71784,
    jpeg_compression: 0.6065,
  },
  // The relative mCE by AlexNet depends on this number; the mCE does not.
  cleanError: 0.43478,
};

/** The weight of each of the five errors of a corruption in a sum over all seventy-five. */
export type CorruptionWeights = Readonly<Record<BenchmarkCorruption, number>>;

const CONDITION_COUNT = CORRUPTIONS.length * SEVERITIES.length;

/** Weights of the mean corruption error: 1/75 each. */
export const EQUAL_WEIGHTS: CorruptionWeights = weightsBy(() => 1);

/** Weights of the mCE: 1 / (75 E_c), where E_c is the reference's mean error. */
export const referenceWeights = ({ errors }: CorruptionReference): CorruptionWeights => weightsBy((c) => errors[c]);

/** Weights of the relative mCE: 1 / (75 (E_c - E_clean)), with the reference's errors. */
export const relativeWeights = ({ errors, cleanError }: CorruptionReference): CorruptionWeights =>
  weightsBy((c) => errors[c] - cleanError);

function weightsBy(divisor: (corruption: BenchmarkCorruption) => number): CorruptionWeights {
  const entries = CORRUPTIONS.map((name) => [name, 1 / (CONDITION_COUNT * divisor(name))] as const);
  return Object.fromEntries(entries) as Record<BenchmarkCorruption, number>;
}

/** Mean top-1 error over corruptions and severities, a fraction, as in papers on CIFAR-10-C. It is not an mCE. */
export const meanCorruptionError = (errors: CorruptionErrors): number => weighted(errors, EQUAL_WEIGHTS);

/**
 * Mean corruption error normalised by a reference, a fraction: the mean over corruptions c of
 * sum_s E(c, s) / sum_s E_reference(c, s).
 *
 * Source: Hendrycks and Dietterich 2019, section 4, https://arxiv.org/abs/1903.12261
 */
export const mCE = (errors: CorruptionErrors, reference: CorruptionReference): number =>
  weighted(errors, referenceWeights(reference));

/**
 * Relative mCE, a fraction: the mean over corruptions c of sum_s (E(c, s) - E_clean), divided by the same sum of the
 * reference. It measures the loss by the corruptions, independent of the clean error.
 *
 * Source: Hendrycks and Dietterich 2019, section 4
 *
 * @param cleanError top-1 error of the same model on clean images
 */
export const relativeMCE = (errors: CorruptionErrors, cleanError: number, reference: CorruptionReference): number =>
  weighted(errors, relativeWeights(reference), cleanError);

/** Makes a measured classifier a reference for others. */
export function corruptionReference(name: string, errors: CorruptionErrors, cleanError: number): CorruptionReference {
  const means = CORRUPTIONS.map((c) => [c, errors[c].reduce((a, b) => a + b, 0) / errors[c].length] as const);
  return { name, errors: Object.fromEntries(means) as Record<BenchmarkCorruption, number>, cleanError };
}

function weighted(errors: CorruptionErrors, weights: CorruptionWeights, subtracted = 0): number {
  let total = 0;
  for (const name of CORRUPTIONS) {
    assert(errors[name].length === SEVERITIES.length, `${name} needs an error of each severity`);
    for (const error of errors[name]) total += weights[name] * (error - subtracted);
  }
  return total;
}
