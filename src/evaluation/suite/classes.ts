/** The results of each class. */
import { CLEAN } from "./condition.js";
import { countedConditions } from "./measures.js";
import type { Benchmark, Measurements } from "./run.js";

export interface ClassSummary {
  readonly name: string;
  readonly count: number;
  /** Accuracy on clean images; NaN without images, undefined without a clean condition. */
  readonly accuracy?: number;
  /** Mean over the corruptions and severities that count; undefined where some of them were not measured. */
  readonly corruptedAccuracy?: number;
  /** The class with which it is most often confused on clean images, and the share of its images; undefined without mistakes. */
  readonly mistakenFor?: { readonly name: string; readonly share: number };
}

/** Sorted by label. */
export function classSummaries({ images, conditions }: Benchmark, measurements: Measurements): ClassSummary[] {
  const { classes, labels } = images;
  const clean = measurements.get(CLEAN);
  const { counted } = countedConditions(conditions);
  const corrupted = counted.map(({ id }) => measurements.get(id)).filter((condition) => condition !== undefined);
  const members: number[][] = classes.map(() => []);
  labels.forEach((label, i) => {
    members[label].push(i);
  });
  return members.map((own, label) => {
    const mean = (values: Uint8Array) => own.reduce((total, i) => total + values[i], 0) / own.length;
    const others = new Map<number, number>();
    for (const i of own) {
      const predicted = clean?.predicted[i] ?? -1;
      if (predicted >= 0 && predicted !== label) others.set(predicted, (others.get(predicted) ?? 0) + 1);
    }
    const [most] = [...others].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return {
      name: classes[label],
      count: own.length,
      ...(clean && { accuracy: mean(clean.right) }),
      ...(corrupted.length > 0 &&
        corrupted.length === counted.length && {
          corruptedAccuracy:
            corrupted.reduce((total, condition) => total + mean(condition.right), 0) / corrupted.length,
        }),
      ...(most && { mistakenFor: { name: classes[most[0]], share: most[1] / own.length } }),
    };
  });
}
