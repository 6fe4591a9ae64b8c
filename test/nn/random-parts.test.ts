/** Dropout and stochastic depth: their draws, number by number, and how often. */
import { describe, expect, test } from "vitest";
import { EVAL } from "../../src/nn/context.js";
import { dropout } from "../../src/nn/layers/dropout.js";
import { stochasticDepth } from "../../src/nn/layers/stochastic-depth.js";
import { KeyedRandom, Purpose } from "../../src/random.js";
import { scope, type Tensor } from "../../src/tensor/index.js";
import { full } from "../../src/tensor/operators.js";
import { fromArray } from "../../src/tensor/tensor.js";

const SEED = 11;
const EPOCH = 2;
const ids = (values: readonly number[]): Tensor => fromArray(values, [values.length], "int64");
const stochastic = (samples: readonly number[]) => ({
  ...EVAL,
  route: "main",
  stochastic: true,
  keys: { seed: SEED, epoch: EPOCH, samples: ids(samples) },
});

describe("dropout", () => {
  test("keeps a feature where its draw is below 1 - rate, divided by it", () => {
    scope(() => {
      const samples = [5, 3, 5];
      const actual = dropout(full([3, 10], 3), 0.25, stochastic(samples)).toNumbers();
      const expected = samples.flatMap((sample) => {
        const random = new KeyedRandom(SEED, Purpose.dropout, EPOCH, sample);
        return Array.from({ length: 10 }, (_, j) => (random.uniform(j) < 0.75 ? 4 : 0));
      });
      expect(actual).toEqual(expected);
      expect(new Set(actual)).toEqual(new Set([0, 4]));
    });
  });

  test("keeps the mean", () => {
    scope(() => {
      const kept = dropout(full([100, 100], 1), 0.4, stochastic(Array.from({ length: 100 }, (_, i) => i))).toNumbers();
      const share = kept.filter((value) => value > 0).length / kept.length;
      // Standard deviation 0.005.
      expect(Math.abs(share - 0.6)).toBeLessThan(0.02);
    });
  });

  test("is nothing in other passes and at rate 0", () => {
    scope(() => {
      const x = full([2, 4], 1);
      expect(dropout(x, 0.5, { ...stochastic([0, 1]), stochastic: false })).toBe(x);
      expect(dropout(x, 0, stochastic([0, 1]))).toBe(x);
    });
  });

  test("keeps the dtype", () => {
    scope(() => {
      for (const dtype of ["float64", "bfloat16"] as const) {
        expect(dropout(full([1, 4], 1, dtype), 0.5, stochastic([0])).dtype).toBe(dtype);
      }
    });
  });
});

describe("stochastic depth", () => {
  test("keeps the branch of an image where its draw is below the survival, divided by it", () => {
    scope(() => {
      const samples = Array.from({ length: 12 }, (_, i) => 3 * i);
      for (const block of [0, 7]) {
        const actual = stochasticDepth(full([12, 2, 2, 2], 4), 0.5, block, stochastic(samples)).toNumbers();
        const expected = samples.flatMap((sample) => {
          const random = new KeyedRandom(SEED, Purpose.stochasticDepth, EPOCH, sample, block);
          return new Array(8).fill(random.uniform(0) < 0.5 ? 8 : 0);
        });
        expect(actual).toEqual(expected);
        expect(new Set(actual)).toEqual(new Set([0, 8]));
      }
    });
  });

  test("is nothing in other passes and at survival 1", () => {
    scope(() => {
      const x = full([1, 2, 2, 2], 1);
      expect(stochasticDepth(x, 0.5, 0, { ...stochastic([0]), stochastic: false })).toBe(x);
      expect(stochasticDepth(x, 1, 0, stochastic([0]))).toBe(x);
    });
  });
});
