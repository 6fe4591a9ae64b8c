/** How each class fares. */
import { CORRUPTIONS, SEVERITIES } from "../../corruptions/index.js";
import { CLEAN, corruptionId } from "./cell.js";
import type { SuiteImages } from "./images.js";
import type { Measurements } from "./run.js";

export interface ClassSummary {
  readonly name: string;
  readonly count: number;
  /** On clean images; NaN without images. */
  readonly accuracy: number;
  /** Mean over the corruptions and severities; undefined where they were not all measured. */
  readonly corruptedAccuracy?: number;
  /** The class that it is most often taken for on clean images, if ever, and the share of its images. */
  readonly mistakenFor?: { readonly name: string; readonly share: number };
}

/** The classes in the order of their labels. */
export function classSummaries({ classes, labels }: SuiteImages, measurements: Measurements): ClassSummary[] {
  const { right, predicted } = measurements.get(CLEAN)!;
  const ids = CORRUPTIONS.flatMap((name) => SEVERITIES.map((severity) => corruptionId(name, severity)));
  const corrupted = ids.map((id) => measurements.get(id)).filter((cell) => cell !== undefined);
  const members: number[][] = classes.map(() => []);
  labels.forEach((label, i) => {
    members[label].push(i);
  });
  return members.map((own, label) => {
    const mean = (values: Uint8Array) => own.reduce((total, i) => total + values[i], 0) / own.length;
    const others = new Map<number, number>();
    for (const i of own) {
      if (predicted[i] >= 0 && predicted[i] !== label) others.set(predicted[i], (others.get(predicted[i]) ?? 0) + 1);
    }
    const [most] = [...others].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return {
      name: classes[label],
      count: own.length,
      accuracy: mean(right),
      ...(corrupted.length === ids.length && {
        corruptedAccuracy: corrupted.reduce((total, cell) => total + mean(cell.right), 0) / corrupted.length,
      }),
      ...(most && { mistakenFor: { name: classes[most[0]], share: most[1] / own.length } }),
    };
  });
}
