/** Calibration, intervals and tests, compared with test/golden/scripts/make_statistics.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { calibrationOf, topAccuracy } from "../../src/evaluation/calibration.js";
import { predict } from "../../src/evaluation/predictions.js";
import { bootstrapMeans, pairedDifference } from "../../src/evaluation/statistics/bootstrap.js";
import { studentTail } from "../../src/evaluation/statistics/distributions.js";
import { mcNemar, seedDifference } from "../../src/evaluation/statistics/paired-tests.js";
import { KeyedRandom } from "../../src/random.js";
import { codedError } from "../support/errors.js";

interface Golden {
  readonly calibration: Readonly<Record<"images" | "classes" | "ece" | "nll" | "brier" | "top1" | "top3", number>>;
  readonly mcnemar: readonly (readonly [onlyFirst: number, onlySecond: number, p: number])[];
  readonly seeds: readonly {
    readonly a: number[];
    readonly b: number[];
    readonly [value: string]: number | number[];
  }[];
  readonly tails: readonly (readonly [t: number, degrees: number, shift: number, tail: number])[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../golden/values/statistics.json", import.meta.url), "utf8"));

test("ECE, NLL, Brier score and top-k accuracy", async () => {
  const { images, classes, ...expected } = golden.calibration;
  const random = new KeyedRandom(7, 8, 0, 0, 90);
  const logits = Float32Array.from({ length: images * classes }, (_, i) => {
    const logit = (2 * random.uniform(i) - 1) * 4;
    return Math.floor(i / classes) % classes === i % classes ? logit + 2 : logit;
  });
  const batch: PixelBatch = {
    pixels: new Uint8Array(images * 3),
    labels: Int32Array.from({ length: images }, (_, i) => i % classes),
    samples: Uint32Array.from({ length: images }, (_, i) => i),
    height: 1,
    width: 1,
  };
  const names = Array.from({ length: classes }, (_, k) => `class ${k}`);
  const predictions = await predict({ classes: names, imageSize: 1, logits: async () => logits }, [batch]);
  const { ece, nll, brier } = calibrationOf(predictions);
  expect(ece).toBeCloseTo(expected.ece, 10);
  expect(nll).toBeCloseTo(expected.nll, 10);
  expect(brier).toBeCloseTo(expected.brier, 10);
  expect(topAccuracy(predictions, 1)).toBe(expected.top1);
  expect(topAccuracy(predictions, 3)).toBe(expected.top3);
});

test("for equal logits the first class ranks first, as in the prediction", async () => {
  const batch: PixelBatch = {
    pixels: new Uint8Array(9),
    labels: Int32Array.of(0, 1, 2),
    samples: Uint32Array.of(0, 1, 2),
    height: 1,
    width: 1,
  };
  const predictor = { classes: ["a", "b", "c"], imageSize: 1, logits: () => new Float32Array(9) };
  const predictions = await predict(predictor, [batch]);
  expect([...predictions.ranks]).toEqual([0, 1, 2]);
  expect(topAccuracy(predictions, 2)).toBeCloseTo(2 / 3, 12);
});

test("McNemar: the exact form for fewer than 25 discordant pairs, else the corrected chi-square", () => {
  for (const [onlyFirst, onlySecond, p] of golden.mcnemar) {
    const first = [...new Array(onlyFirst).fill(1), ...new Array(onlySecond).fill(0), 1, 1, 0];
    const second = [...new Array(onlyFirst).fill(0), ...new Array(onlySecond).fill(1), 1, 1, 0];
    const result = mcNemar(first, second);
    expect(result).toMatchObject({ onlyFirst, onlySecond });
    expect(result.form).toBe(onlyFirst + onlySecond < 25 ? "exact binomial" : "chi-square with continuity correction");
    expect(Math.abs(result.p / p - 1), `${onlyFirst} and ${onlySecond}`).toBeLessThan(1e-9);
  }
});

describe("over seeds", () => {
  test("Student's interval, the paired test and the detectable effect", () => {
    for (const { a, b, ...expected } of golden.seeds) {
      const result = seedDifference(a, b);
      for (const name of ["value", "low", "high", "deviation", "p", "detectable"] as const) {
        expect(result[name], name).toBeCloseTo(expected[name] as number, 7);
      }
    }
  });

  test("tails of Student's t, central and not", () => {
    for (const [t, degrees, shift, tail] of golden.tails) {
      expect(Math.abs(studentTail(t, degrees, shift) / tail - 1), `t ${t}, ${degrees}`).toBeLessThan(1e-7);
    }
  });

  test("over all K folds the variance is s^2 (1/K + 1/(K - 1)), with closed forms for two and ten", () => {
    // Two folds: t with one degree of freedom is Cauchy's distribution. The differences 0 and 2 have s^2 = 2, so the error is sqrt(3).
    const two = seedDifference([0.5, 0.5], [0.5, 2.5], 2);
    expect(two.value).toBe(1);
    expect(two.high - two.value).toBeCloseTo(Math.tan(0.475 * Math.PI) * Math.sqrt(3), 4);
    expect(two.value - two.low).toBeCloseTo(Math.tan(0.475 * Math.PI) * Math.sqrt(3), 4);
    expect(two.p).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(1 / Math.sqrt(3)), 9);
    // Ten folds: differences 1 and -1 have s^2 = 10/9; Student's t with 9 degrees of freedom exceeds 2.2621571628 with probability 0.025.
    const a = new Array(10).fill(0);
    const b = a.map((_, i) => (i % 2 === 0 ? 1 : -1));
    const ten = seedDifference(a, b, 10);
    expect(ten.high).toBeCloseTo(2.2621571628 * Math.sqrt((10 / 9) * (1 / 10 + 1 / 9)), 7);
    // All else is as over seeds, with an error that is larger by sqrt((1/K + 1/(K - 1)) / (1/K)).
    const seeds = seedDifference(a, b);
    expect(seeds.high).toBeCloseTo(2.2621571628 * Math.sqrt(1 / 9), 7);
    expect(ten.detectable / seeds.detectable).toBeCloseTo(Math.sqrt(1 + 10 / 9), 9);
    expect(ten).toMatchObject({ count: 10, deviation: seeds.deviation, value: seeds.value });
  });

  test("where folds failed, the rest has the ratio of test to training images of all folds", () => {
    const three = seedDifference([0, 0, 0], [1, 2, 3], 5);
    expect((three.high - three.low) / 2).toBeCloseTo(4.3026527297 * Math.sqrt(1 / 3 + 1 / 4), 7);
    for (const folds of [2, 2.5, Number.NaN]) {
      const error = codedError(() => seedDifference([0, 0, 0], [1, 2, 3], folds));
      expect(error.code).toBe("ERR_FOLDS");
      expect(error.message).toContain(`at least 3, the number of pairs; got ${folds}`);
    }
  });

  test("one seed is not enough, and both methods need the same seeds", () => {
    expect(codedError(() => seedDifference([0.9], [0.91])).code).toBe("ERR_SEEDS");
    expect(codedError(() => seedDifference([0.9, 0.91], [0.91])).code).toBe("ERR_SEEDS");
  });
});

test("several columns are resampled together: the interval of a difference equals that of a column of differences", () => {
  const a = Array.from({ length: 80 }, (_, i) => Number(i % 3 === 0));
  const b = Array.from({ length: 80 }, (_, i) => Number(i % 2 === 0));
  const difference = a.map((value, i) => b[i] - value);
  const [first, second, third] = bootstrapMeans([a, b, difference], 4);
  expect(third).toEqual(pairedDifference(a, b, 4));
  expect(third.value).toBeCloseTo(second.value - first.value, 12);
  // Far from 0 and 1 the interval of a share is close to the normal one.
  expect(second.high - second.low).toBeGreaterThan(2 * 1.96 * Math.sqrt(0.25 / 80) * 0.85);
  expect(second.high - second.low).toBeLessThan(2 * 1.96 * Math.sqrt(0.25 / 80) * 1.15);
});
