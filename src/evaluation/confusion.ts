/** Which classes are taken for which. */
import type { Predictions } from "./predictions.js";

export interface ClassAccuracy {
  readonly name: string;
  readonly count: number;
  /** Share of the class's images that are right; NaN for a class without images. */
  readonly accuracy: number;
}

export interface Confusion {
  /** K rows by true class of K counts by predicted class. */
  readonly matrix: readonly (readonly number[])[];
  readonly classes: readonly ClassAccuracy[];
  /** Mean of the accuracies of the classes that have images: every class counts the same. */
  readonly balancedAccuracy: number;
}

/** The confusion matrix, and the accuracy of each class. A prediction of -1 (every logit NaN) is in no column. */
export function confusionOf({ classes, labels, predicted }: Predictions): Confusion {
  const matrix = classes.map(() => new Array<number>(classes.length).fill(0));
  const counts = new Array<number>(classes.length).fill(0);
  labels.forEach((label, i) => {
    counts[label] += 1;
    if (predicted[i] >= 0) matrix[label][predicted[i]] += 1;
  });
  const perClass = classes.map((name, k) => ({ name, count: counts[k], accuracy: matrix[k][k] / counts[k] }));
  const present = perClass.filter(({ count }) => count > 0);
  const balancedAccuracy = present.reduce((total, { accuracy }) => total + accuracy, 0) / present.length;
  return { matrix, classes: perClass, balancedAccuracy };
}
