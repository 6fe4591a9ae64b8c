/** Which classes are taken for which. */
import type { Predictions } from "./predictions.js";

export interface ClassAccuracy {
  readonly name: string;
  readonly count: number;
  /** Share of the class's images that are right; NaN for a class without images. */
  readonly accuracy: number;
}

/** How many images of a class are taken for a class, the same one or another: indices of classes, and a count of at least 1. */
export type ConfusionCount = readonly [label: number, predicted: number, count: number];

export interface Confusion {
  /** The confusion matrix without its zeros, by true and then by predicted class: it has no more entries than there are images. */
  readonly counts: readonly ConfusionCount[];
  readonly classes: readonly ClassAccuracy[];
  /** Mean of the accuracies of the classes that have images: every class counts the same. */
  readonly balancedAccuracy: number;
}

/** The confusion matrix, and the accuracy of each class. A prediction of -1 (every logit NaN) is in no column. */
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

/** K rows by true class of K counts by predicted class. It has K x K numbers: of thousands of classes too many. */
export function confusionMatrix(counts: readonly ConfusionCount[], classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [label, predicted, count] of counts) matrix[label][predicted] = count;
  return matrix;
}

/** Above so many classes a result has the confusion matrix without its zeros: whole, it would have millions of them. */
const WHOLE_CLASSES = 1000;

/** The confusion matrix as an EvaluationFile holds it. */
export const savedConfusion = (counts: readonly ConfusionCount[], classes: number) =>
  classes > WHOLE_CLASSES ? { confusionCounts: counts } : { confusion: confusionMatrix(counts, classes) };
