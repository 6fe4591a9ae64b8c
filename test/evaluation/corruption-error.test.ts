import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CORRUPTIONS } from "../../src/corruptions/index.js";
import {
  ALEXNET,
  type BenchmarkCorruption,
  type CorruptionErrors,
  corruptionReference,
  mCE,
  meanCorruptionError,
  relativeMCE,
} from "../../src/evaluation/corruption-error.js";
import { testData } from "../support/data.js";

const TABLE = testData("reference/robustbench-imagenet-corruptions.csv");

const byCorruption = (errors: (name: BenchmarkCorruption) => readonly number[]): CorruptionErrors =>
  Object.fromEntries(CORRUPTIONS.map((name) => [name, errors(name)] as const)) as Record<
    BenchmarkCorruption,
    readonly number[]
  >;

/** The same five errors for every corruption. */
const everywhere = (errors: readonly number[]): CorruptionErrors => byCorruption(() => errors);

/** Errors of each classifier from a table of accuracies by corruption (first line) and severity (second line). */
function readErrors(path: string): Map<string, CorruptionErrors> {
  const [names, severities, ...rows] = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.trim().split(","));
  return new Map(
    rows.map(([model, ...accuracies]) => {
      const errors: Record<string, number[]> = Object.fromEntries(CORRUPTIONS.map((name) => [name, new Array(5)]));
      accuracies.forEach((accuracy, i) => {
        errors[names[i + 1]][Number(severities[i + 1]) - 1] = 1 - Number(accuracy);
      });
      return [model, byCorruption((name) => errors[name])];
    }),
  );
}

test("the mean, the normalised and the relative error equal hand computations", () => {
  const errors = everywhere([0.2, 0.3, 0.4, 0.5, 0.6]);
  const reference = corruptionReference("half", everywhere([0.8, 0.8, 0.8, 0.8, 0.8]), 0.3);
  expect(meanCorruptionError(errors)).toBeCloseTo(0.4, 12);
  expect(mCE(errors, reference)).toBeCloseTo(0.4 / 0.8, 12);
  expect(relativeMCE(errors, 0.1, reference)).toBeCloseTo(0.3 / 0.5, 12);

  // If one corruption is twice as bad as for the reference, the mCE grows by (2 - 0.5) / 15.
  const one = { ...errors, fog: [1.6, 1.6, 1.6, 1.6, 1.6] };
  expect(mCE(one, reference)).toBeCloseTo(0.5 + 1.5 / 15, 12);
});

test("a reference has an mCE and a relative mCE of 1 by itself", () => {
  const errors = byCorruption((name) => new Array(5).fill(ALEXNET.errors[name]));
  expect(mCE(errors, ALEXNET)).toBeCloseTo(1, 12);
  expect(relativeMCE(errors, ALEXNET.cleanError, ALEXNET)).toBeCloseTo(1, 12);
  const mean = CORRUPTIONS.reduce((total, name) => total + ALEXNET.errors[name], 0) / 15;
  expect(mean).toBeCloseTo(0.78899, 5); // the published mean
});

// Mean error and mCE in percent, computed from the same table with published normalisers.
const PUBLISHED = [
  ["AlexNet", 78.88, 99.97],
  ["Standard_R50", 60.52, 76.37],
  ["Hendrycks2020AugMix", 50.67, 64.17],
  ["Hendrycks2020Many", 47.1, 60.05],
  ["Geirhos2018_SIN", 60.08, 76.65],
  ["Tian2022Deeper_DeiT-B", 32.45, 41.7],
] as const;

test.skipIf(TABLE === undefined).each(PUBLISHED)("%s: %f raw, %f by AlexNet", (name, raw, normalised) => {
  const errors = readErrors(TABLE!).get(name)!;
  expect(Math.abs(100 * meanCorruptionError(errors) - raw)).toBeLessThan(0.006);
  expect(Math.abs(100 * mCE(errors, ALEXNET) - normalised)).toBeLessThan(0.006);
});

test.skipIf(TABLE === undefined)("the relative mCE of ResNet-50 on the table is near the published 105", () => {
  // 105.0 % on all images (Hendrycks and Dietterich 2019, table 1). The table is for 5,000 of them.
  const errors = readErrors(TABLE!).get("Standard_R50")!;
  expect(Math.abs(100 * relativeMCE(errors, 0.2385, ALEXNET) - 105)).toBeLessThan(2);
});
