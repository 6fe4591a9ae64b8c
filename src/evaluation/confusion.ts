/** The confusion matrix and the accuracy of each class. */
import type { Predictions } from "./predictions.js";

export interface ClassAccuracy {
  readonly name: string;
  readonly count: number;
  /** Share of the class's images that are classified correctly; NaN for a class without images. */
  readonly accuracy: number;
}

/** True class, predicted class (indices into the classes, which can be equal) and the number of such images, at least 1. */
export type ConfusionCount = readonly [label: number, predicted: number, count: number];

export interface Confusion {
  /** The nonzero entries of the confusion matrix, sorted by true and then by predicted class. */
  readonly counts: readonly ConfusionCount[];
  readonly classes: readonly ClassAccuracy[];
  /** Mean of the accuracies of the classes that have images: every class counts the same. */
  readonly balancedAccuracy: number;
}

/** The confusion matrix, and the accuracy of each class. A prediction of -1 (every logit is NaN) is not in the matrix. */
export function confusionOf({ classes, labels, predicted }: Predictions): Confusion {
  const images = new Array<number>(classes.length).fill(0);
  const right = new Array<number>(classes.length).fill(0);
  const rows = classes.map(() => new Map<number, number>());
  labels.forEach((label, i) => {
    const [row, answer] = [rows[label], predicted[i]];
    images[label] += 1;
    if (answer === label) right[label] += 1;
    if (answer >= 0) row.set(answer, (row.get(answer) ?? 0) + 1);
  });
  const perClass = classes.map((name, k) => ({ name, count: images[k], accuracy: right[k] / images[k] }));
  const present = perClass.filter(({ count }) => count > 0);
  const balancedAccuracy = present.reduce((total, { accuracy }) => total + accuracy, 0) / present.length;
  const counts = rows.flatMap((row, label) =>
    [...row].sort(([a], [b]) => a - b).map(([answer, count]): ConfusionCount => [label, answer, count]),
  );
  return { counts, classes: perClass, balancedAccuracy };
}

/** The full matrix: K rows by true class with K counts by predicted class. For thousands of classes it is too large. */
export function confusionMatrix(counts: readonly ConfusionCount[], classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [label, predicted, count] of counts) matrix[label][predicted] = count;
  return matrix;
}

/** With more classes than this, an evaluation file has the nonzero entries only: the full matrix would have millions of zeros. */
const WHOLE_CLASSES = 1000;

/** The confusion matrix in the format of an EvaluationFile. */
export const savedConfusion = (counts: readonly ConfusionCount[], classes: number) =>
  classes > WHOLE_CLASSES ? { confusionCounts: counts } : { confusion: confusionMatrix(counts, classes) };
