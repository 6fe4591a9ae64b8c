/** Downsampling keeps the course of a metric in bounded memory. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MOST_BUCKETS, Series } from "../../src/dashboard/reading/series.js";

const filled = (values: readonly number[]) => {
  const series = new Series();
  values.forEach((value, i) => {
    series.add(i + 1, value);
  });
  return series.data();
};

test("a short metric is given as it is", () => {
  expect(filled([0.5, 0.25, 4])).toEqual({ step: [1, 2, 3], mean: [0.5, 0.25, 4] });
  expect(filled([])).toEqual({ step: [], mean: [] });
});

test("buckets cover all records: the weighted mean and the extremes are those of all records, and the last step is kept", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 1, max: 1000 }), (count, seed) => {
      const values = Array.from({ length: count }, (_, i) => Math.sin(seed * (i + 1)) * 10);
      const { step, mean, least = mean, largest = mean } = filled(values);
      expect(step.length).toBeLessThanOrEqual(MOST_BUCKETS);
      expect(step.length).toBeGreaterThanOrEqual(Math.min(count, MOST_BUCKETS / 2));
      expect(step.at(-1)).toBe(count);
      const sizes = step.map((last, i) => last - (step[i - 1] ?? 0));
      const sum = mean.reduce((total, value, i) => total + value * sizes[i], 0);
      expect(sum / count).toBeCloseTo(values.reduce((a, b) => a + b, 0) / count, 4);
      expect(Math.min(...least)).toBeCloseTo(Math.min(...values), 4);
      expect(Math.max(...largest)).toBeCloseTo(Math.max(...values), 4);
      // The values of each bucket are those of its own records.
      let start = 0;
      for (const [i, last] of step.entries()) {
        const own = values.slice(start, last);
        expect(least[i]).toBeCloseTo(Math.min(...own), 4);
        expect(largest[i]).toBeCloseTo(Math.max(...own), 4);
        start = last;
      }
    }),
    { numRuns: 40 },
  );
});

test("a single peak in a hundred thousand records stays visible", () => {
  const series = new Series();
  for (let step = 1; step <= 100_000; step++) series.add(step, step === 61_803 ? 1000 : 1);
  const { step, largest } = series.data();
  expect(Math.max(...largest!)).toBe(1000);
  const place = largest!.indexOf(1000);
  expect(step[place]).toBeGreaterThanOrEqual(61_803);
  expect(step[place - 1]).toBeLessThan(61_803);
});
