/** The prediction of a classifier as names and probabilities. */

/** A class with its probability according to the classifier. */
export interface Prediction {
  readonly class: string;
  /** In [0, 1]; over all classes they sum to 1. */
  readonly probability: number;
}

/**
 * The most probable classes, the most probable first.
 *
 * @param logits (K) of one image
 * @param classes K names
 * @param top number of classes; all where there are fewer
 */
export function mostProbable(logits: Float32Array, classes: readonly string[], top: number): Prediction[] {
  return softmax(logits)
    .map((probability, k) => ({ class: classes[k], probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

function softmax(logits: Float32Array): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
