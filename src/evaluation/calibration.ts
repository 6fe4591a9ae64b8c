/** Calibration: whether the confidence of a classifier agrees with its accuracy. */
import type { Predictions } from "./predictions.js";

const BINS = 15;

export interface Calibration {
  /** Expected calibration error, a fraction. */
  readonly ece: number;
  /** Negative log-likelihood: the mean cross-entropy in nats. */
  readonly nll: number;
  /** Mean over images of the sum over classes of (p_k - y_k)^2, in [0, 2]. */
  readonly brier: number;
}

/**
 * ECE, NLL and Brier score of the softmax probabilities. No temperature is fitted.
 *
 * ECE = sum over 15 bins ((b - 1) / 15, b / 15] of confidence of (n_b / N) |accuracy_b - mean confidence_b|. It depends on
 * the number of bins and is biased upwards for few images.
 *
 * Sources: Guo et al. 2017, section 2, https://arxiv.org/abs/1706.04599 (ECE, NLL); Brier 1950, Monthly Weather Review 78
 */
export function calibrationOf({ labels, predicted, confidences, losses, brierScores }: Predictions): Calibration {
  const surplus = new Float64Array(BINS); // sum of confidence - right
  labels.forEach((label, i) => {
    const bin = Math.max(0, Math.ceil(confidences[i] * BINS) - 1);
    surplus[bin] += confidences[i] - (predicted[i] === label ? 1 : 0);
  });
  const mean = (values: Float64Array) => values.reduce((total, value) => total + value, 0) / labels.length;
  return { ece: mean(surplus.map(Math.abs)), nll: mean(losses), brier: mean(brierScores) };
}

/** Share of the images whose class is among the k with the largest logits. */
export function topAccuracy({ ranks }: Predictions, k: number): number {
  return ranks.reduce((total, rank) => total + (rank < k ? 1 : 0), 0) / ranks.length;
}
