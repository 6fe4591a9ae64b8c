import { expect, test } from "vitest";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { evaluationBatches } from "../../src/data/loading/loader.js";
import { accuracyOf, evaluateAccuracy } from "../../src/evaluation/accuracy.js";
import { confusionMatrix, confusionOf, savedConfusion } from "../../src/evaluation/confusion.js";
import { predict } from "../../src/evaluation/predictions.js";
import type { Predictor } from "../../src/evaluation/predictor.js";
import { pairedDifference } from "../../src/evaluation/statistics/bootstrap.js";
import { KeyedRandom } from "../../src/random.js";
import { makeDataset } from "../support/datasets.js";
import { codedRejection } from "../support/errors.js";

/** Returns logits from a table by the image's identity. */
const table = (rows: readonly (readonly number[])[], imageSize = 4): Predictor<PixelBatch> => ({
  classes: rows[0].map((_, k) => `class ${k}`),
  imageSize,
  logits: ({ samples }) => Float32Array.from(Array.from(samples).flatMap((sample) => rows[sample])),
});

const ROWS = [
  [2, 1, 0],
  [0, 0, 0],
  [0, 0, 5],
  [Number.NaN, Number.NaN, Number.NaN],
  [1000, 0, 0],
];

test("accuracy, loss, confusion and balanced accuracy equal hand computations for any batch size", async () => {
  // Labels: 0, 1, 2, 0, 1.
  const dataset = makeDataset({ length: 5, classes: 3, height: 4, width: 4 });
  for (const batchSize of [1, 2, 5]) {
    const predictions = await predict(table(ROWS), evaluationBatches(dataset, batchSize));
    expect([...predictions.predicted]).toEqual([0, 0, 2, -1, 0]);
    expect(predictions.losses[0]).toBeCloseTo(Math.log(1 + Math.exp(-1) + Math.exp(-2)), 6);
    expect(predictions.losses[1]).toBeCloseTo(Math.log(3), 6);
    expect(predictions.losses[4]).toBe(1000);
    expect(accuracyOf(predictions)).toMatchObject({ accuracy: 2 / 5, count: 5 });
    const confusion = confusionOf(predictions);
    expect(confusion.counts).toEqual([
      [0, 0, 1],
      [1, 0, 2],
      [2, 2, 1],
    ]);
    expect(confusionMatrix(confusion.counts, 3)).toEqual([
      [1, 0, 0],
      [2, 0, 0],
      [0, 0, 1],
    ]);
    expect(confusion.balancedAccuracy).toBeCloseTo((1 / 2 + 0 + 1) / 3, 12);
  }
});

test("a result has the full matrix up to 1,000 classes, and only its nonzero entries for more", () => {
  const counts = [[0, 1, 2]] as const;
  const { confusion, confusionCounts } = savedConfusion(counts, 1000) as Record<string, number[][] | undefined>;
  expect([confusion?.length, confusion?.[0].slice(0, 3), confusionCounts]).toEqual([1000, [0, 2, 0], undefined]);
  expect(savedConfusion(counts, 1001)).toEqual({ confusionCounts: counts });
});

test("a class without images does not count in the balanced accuracy", async () => {
  const dataset = makeDataset({ length: 2, classes: 3, height: 4, width: 4 });
  const confusion = confusionOf(await predict(table(ROWS), evaluationBatches(dataset, 2)));
  expect(confusion.classes[2].count).toBe(0);
  expect(confusion.balancedAccuracy).toBe(1 / 2);
});

test("data with other classes or another size are refused", async () => {
  const classes = makeDataset({ length: 2, classes: 4, height: 4, width: 4 });
  expect((await codedRejection(evaluateAccuracy(table(ROWS), classes, 2))).code).toBe("ERR_CLASSES");
  const size = makeDataset({ length: 2, classes: 3, height: 4, width: 5 });
  expect((await codedRejection(evaluateAccuracy(table(ROWS), size, 2))).code).toBe("ERR_IMAGE_SIZE");
});

test("the bootstrap interval of paired differences has the width of the normal approximation and covers the true value", () => {
  const count = 400;
  const uniform = (stream: number, i: number) => new KeyedRandom(3, 200, 0, i, stream).uniform(0);
  let covered = 0;
  for (let trial = 0; trial < 60; trial++) {
    const a = Array.from({ length: count }, (_, i) => (uniform(2 * trial, i) < 0.6 ? 1 : 0));
    const b = Array.from({ length: count }, (_, i) => (uniform(2 * trial + 1, i) < 0.7 ? 1 : 0));
    const { value, low, high } = pairedDifference(a, b, trial);
    const deviation = Math.sqrt((0.6 * 0.4 + 0.7 * 0.3) / count);
    expect(high - low).toBeGreaterThan(2 * 1.96 * deviation * 0.85);
    expect(high - low).toBeLessThan(2 * 1.96 * deviation * 1.15);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    if (low <= 0.1 && 0.1 <= high) covered += 1;
  }
  expect(covered).toBeGreaterThanOrEqual(52);
});
