/** The drift of the auxiliary norms in closed form. */
import { expect, test } from "vitest";
import { createClassifier } from "../../src/models/registry.js";
import { MAIN_ROUTE } from "../../src/nn/context.js";
import { RoutedBatchNorm } from "../../src/nn/routed-batch-norm.js";
import { fromArray } from "../../src/tensor/index.js";
import { batchNormDrift } from "../../src/training/batch-norm-drift.js";

const CHANNELS = 16;

/** The drift of the first norm, whose channels all have these running statistics, except those of `dead`. */
function driftOf(main: readonly number[], other: readonly number[], dead = 0) {
  const model = createClassifier("resnet8", { classes: ["a", "b"], routes: ["aux"] }).initialize(1);
  const norm = [...model.network.namedModules()].map(([, one]) => one).find((one) => one instanceof RoutedBatchNorm);
  const set = (route: string, [mean, variance]: readonly number[]) => {
    const { runningMean, runningVariance } = (norm as RoutedBatchNorm).norm(route);
    const values = (value: number, c: number) => (c < dead ? 0 : value);
    runningMean.load(fromArray(Array.from({ length: CHANNELS }, (_, c) => values(mean, c))));
    runningVariance.load(fromArray(Array.from({ length: CHANNELS }, (_, c) => values(variance, c))));
  };
  set(MAIN_ROUTE, main);
  set("aux", other);
  return batchNormDrift(model, { step: 1, epoch: 0 })[0].layers;
}

test("the drift of means is in deviations, that of variances a logarithm", () => {
  const [first, ...others] = driftOf([1, 4], [4, 4 * Math.E]);
  expect(first.mean).toBeCloseTo(3 / 2, 5);
  expect(first.logVariance).toBeCloseTo(1, 5);
  // Norms of equal statistics have not drifted.
  for (const { mean, logVariance } of others) expect([mean, logVariance]).toEqual([0, 0]);
});

test("channels of variance zero, as in published weights, count as not drifted", () => {
  const [first] = driftOf([1, 4], [4, 4 * Math.E], CHANNELS / 4);
  expect(first.mean).toBeCloseTo((3 / 2) * Math.sqrt(3 / 4), 5);
  expect(first.logVariance).toBeCloseTo(Math.sqrt(3 / 4), 5);
});
