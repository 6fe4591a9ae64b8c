/** Tests for a difference between two classifiers on the same images, and between two methods over the same seeds or folds. */

import { assert, UsageError } from "../../errors.js";
import type { Interval } from "./bootstrap.js";
import { bisect, chiSquareTail, fairBinomialCdf, studentQuantile, studentTail } from "./distributions.js";

/** With fewer discordant pairs the exact test is used, since the chi-square approximation is too inaccurate. */
const EXACT_BELOW = 25;

export interface McNemar {
  /** Number of images that only the first, or only the second, classifies correctly. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided p-value of the hypothesis that both are equally often right on images of this kind. */
  readonly p: number;
  /** The form of the test that was used. */
  readonly form: "exact binomial" | "chi-square with continuity correction";
}

/**
 * McNemar's test on the images that only one of two models classifies correctly. With fewer than 25 of them it is the exact
 * binomial test, min(1, 2 P(X <= min(b, c))) with X ~ Binomial(b + c, 1/2). Otherwise it is chi-square, (|b - c| - 1)^2 / (b
 * + c) with one degree of freedom. It compares these two models, not the methods that trained them.
 *
 * Sources: McNemar 1947, Psychometrika 12; Edwards 1948, Psychometrika 13 (the correction)
 *
 * @param first  (N) nonzero where the first model is right
 * @param second (N) of the same images in the same order
 */
export function mcNemar(first: ArrayLike<number>, second: ArrayLike<number>): McNemar {
  assert(first.length === second.length, `McNemar needs the same images: ${first.length} and ${second.length}`);
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let i = 0; i < first.length; i++) {
    if (first[i] && !second[i]) onlyFirst++;
    if (!first[i] && second[i]) onlySecond++;
  }
  const discordant = onlyFirst + onlySecond;
  if (discordant < EXACT_BELOW) {
    const p = Math.min(1, 2 * fairBinomialCdf(Math.min(onlyFirst, onlySecond), discordant));
    return { onlyFirst, onlySecond, p, form: "exact binomial" };
  }
  // Without the maximum, a difference of 0 would become 1 by the correction.
  const excess = Math.max(0, Math.abs(onlyFirst - onlySecond) - 1);
  const p = chiSquareTail(excess ** 2 / discordant);
  return { onlyFirst, onlySecond, p, form: "chi-square with continuity correction" };
}

const LEVEL = 0.05;
const POWER = 0.8;

export interface SeedDifference extends Interval {
  /** Number of pairs: seeds or folds with which both methods were trained. */
  readonly count: number;
  /** Standard deviation of the differences, with the divisor count - 1. */
  readonly deviation: number;
  /** Two-sided p-value of the paired t-test; over folds that of the corrected one. */
  readonly p: number;
  /** The true difference that a test of this size detects with probability 0.8 at the two-sided level of 5 %. */
  readonly detectable: number;
}

/**
 * The difference b - a of two methods over seeds or folds, with Student's 95 % interval and the paired t-test. It also gives
 * the difference that could have been detected with this spread and number of pairs: smaller differences can be missed. Power
 * is computed from the noncentral t, with the measured deviation as the true one.
 *
 * Trainings with different seeds are independent, so that the variance of the mean of n differences is s^2 / n. The K folds of
 * a cross-validation share most of their training images. For them the variance is s^2 (1 / n + nTest / nTrain), where nTest /
 * nTrain = 1 / (K - 1) is the ratio of test to training images of a fold. This corrects the interval, p and the detectable
 * difference. The degrees of freedom stay n - 1.
 *
 * Sources: Student 1908, Biometrika 6; Cohen 1988, Statistical Power Analysis, chapter 2; Nadeau and Bengio 2003, Inference for
 * the Generalization Error, Machine Learning 52, https://doi.org/10.1023/A:1024068626366 (the variance for folds)
 *
 * @param a     a result for each seed or fold, for instance an accuracy
 * @param b     of the same seeds or folds in the same order
 * @param folds if the pairs are folds: the number K of all folds, at least that of the pairs (some may have failed)
 * @throws UsageError ERR_SEEDS where there are fewer than two pairs, or `a` and `b` have different lengths; ERR_FOLDS where
 *   `folds` is not a whole number, or less than the number of pairs
 */
export function seedDifference(a: readonly number[], b: readonly number[], folds?: number): SeedDifference {
  const count = a.length;
  if (count < 2 || b.length !== count) {
    throw new UsageError(
      "ERR_SEEDS",
      `seedDifference: both methods need results of the same seeds, two or more; got ${a.length} and ${b.length}.`,
    );
  }
  if (folds !== undefined && !(Number.isSafeInteger(folds) && folds >= count)) {
    throw new UsageError(
      "ERR_FOLDS",
      `seedDifference: \`folds\` must be the number of all folds, a whole number of at least ${count}, the number of pairs; got ${folds}.`,
    );
  }
  const differences = a.map((value, i) => b[i] - value);
  const value = differences.reduce((total, difference) => total + difference, 0) / count;
  const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - value) ** 2, 0) / (count - 1));
  const testToTraining = folds === undefined ? 0 : 1 / (folds - 1);
  const error = deviation * Math.sqrt(1 / count + testToTraining);
  const degrees = count - 1;
  const { critical, shift } = criticalValues(degrees);
  const p = error === 0 ? Number(value === 0) : Math.min(1, 2 * studentTail(Math.abs(value) / error, degrees));
  return {
    value,
    low: value - critical * error,
    high: value + critical * error,
    count,
    deviation,
    p,
    detectable: shift * error,
  };
}

interface CriticalValues {
  /** Student's t that is exceeded with probability LEVEL / 2. */
  readonly critical: number;
  /** The shift of the noncentral t whose two-sided test has the power POWER. */
  readonly shift: number;
}

/** By degrees of freedom: the numerical integration is slow, and a report asks for the same few again and again. */
const CRITICAL_VALUES = new Map<number, CriticalValues>();

function criticalValues(degrees: number): CriticalValues {
  const known = CRITICAL_VALUES.get(degrees);
  if (known !== undefined) return known;
  const critical = studentQuantile(LEVEL / 2, degrees);
  const power = (shift: number) =>
    studentTail(critical, degrees, shift) + (1 - studentTail(-critical, degrees, shift)) - POWER;
  const values = { critical, shift: bisect(power, 0, 4) };
  CRITICAL_VALUES.set(degrees, values);
  return values;
}
