/** Kernels over lists of tensors, against float64; whatever the sizes, the memory formats and the number of threads. */
import { afterEach, describe, expect, test } from "vitest";
import { call, engineInfo, fromArray, scope, setThreads, type Tensor } from "../../../src/tensor/index.js";
import { native } from "../../../src/tensor/native.js";
import {
  adamw_,
  average_,
  cast,
  channelsLast,
  clone,
  full,
  keyedUniform,
  normOfAll,
  permute,
  rmsprop_,
  sgd_,
} from "../../../src/tensor/operators.js";
import { maxDifference } from "../../support/golden.js";

const { threads } = engineInfo();
afterEach(() => setThreads(threads));

/** Widths off the vector's, one element, several chunks, channels-last. */
const SHAPES = [[1], [16], [37], [3, 5, 7, 2], [1], [70_001], [8, 16, 3, 3]];

/** float32 tensors uniform in [low, 1), keyed by the stream. */
const draw = (stream: number, low = -1): Tensor[] =>
  SHAPES.map((shape, i) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const key = { seed: 5, epoch: 0, purpose: 13, stream: 100 * stream + i };
    const uniform = keyedUniform(fromArray([0], [1], "int64"), [size], key);
    return channelsLast(call("aten::reshape", [affine(uniform, low), shape]));
  });
const affine = (x: Tensor, low: number) => call("aten::add.Scalar", [call("aten::mul.Scalar", [x, 1 - low]), low]);
const wide = (tensors: readonly Tensor[]) => tensors.map((x) => cast(x, "float64"));
const numbers = (tensors: readonly Tensor[]) => tensors.flatMap((x) => x.toNumbers());
const weightDecays = SHAPES.map((_, i) => (i % 2 === 0 ? 0 : 0.01));

type Update = (weights: Tensor[], state: Tensor[][], gradients: Tensor[]) => void;

const UPDATES: Record<string, Update> = {
  "sgd_ without momentum": (w, _, g) => sgd_(w, [], g, { rate: 0.1, momentum: 0, nesterov: false, weightDecays }),
  sgd_: (w, [v], g) => sgd_(w, v, g, { rate: 0.1, momentum: 0.9, nesterov: false, weightDecays }),
  "sgd_ with Nesterov": (w, [v], g) => sgd_(w, v, g, { rate: 0.1, momentum: 0.9, nesterov: true, weightDecays }),
  rmsprop_: (w, [s, v], g) =>
    rmsprop_(w, s, v, g, { rate: 0.1, decay: 0.9, momentum: 0.9, epsilon: 1e-3, weightDecays }),
  adamw_: (w, [m, s], g) => {
    const counts = w.map(() => fromArray([4], [], "int64"));
    adamw_(w, m, s, counts, g, { rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecays });
    expect(numbers(counts)).toEqual(w.map(() => 5));
  },
  average_: (w, _, g) => average_(w, g, 0.9),
};

describe.each(Object.entries(UPDATES))("%s", (_, update) => {
  /** Weights and state after one update, from float32 values. */
  const updated = (convert: (tensors: Tensor[]) => Tensor[], gradients = draw(3)) => {
    const [weights, first, second] = [draw(0), draw(1, 0.1), draw(2, 0.1)].map(convert);
    update(weights, [first, second], convert(gradients));
    return [weights, first, second].map(numbers);
  };

  test("is its formula in float64", () =>
    scope(() => {
      const exact = updated(wide);
      for (const [i, values] of updated((x) => x).entries()) {
        expect(maxDifference(values, exact[i])).toBeLessThan(2e-6);
      }
    }));

  test("reads gradients in any memory format, and leaves them as they are", () =>
    scope(() => {
      const plain = draw(3);
      const other = plain.map((x) => (x.shape.length === 4 ? call("aten::contiguous", [x]) : x));
      expect(updated((x) => x, other)).toEqual(updated((x) => x, plain));
      expect(numbers(other)).toEqual(numbers(draw(3)));
    }));

  test("does not depend on the threads", () =>
    scope(() => {
      setThreads(1);
      const one = updated((x) => x);
      setThreads(3);
      expect(updated((x) => x)).toEqual(one);
    }));

  test("counts as a change of the weights, so that their rounded copies are written anew", () =>
    scope(() => {
      const weights = draw(0);
      const versions = () => weights.map((weight) => native.version(weight));
      const before = versions();
      update(weights, [draw(1, 0.1), draw(2, 0.1)], draw(3));
      for (const [i, now] of versions().entries()) expect(now).toBeGreaterThan(before[i]);
    }));
});

test("lists that do not fit each other are refused", () =>
  scope(() => {
    const w = draw(0);
    expect(() => average_(w, draw(1).slice(1), 0.5)).toThrow(/one length; got 7 and 6/);
    expect(() => average_(w, draw(1).toReversed(), 0.5)).toThrow(/one shape/);
    expect(() => sgd_(w, [], draw(1), { rate: 1, momentum: 0, nesterov: false, weightDecays: [0] })).toThrow(
      /one weight decay for each weight; got 1 for 7/,
    );
  }));

describe("normOfAll", () => {
  test("is exact to float64, in any memory format and of any dtype", () =>
    scope(() => {
      const tensors = draw(0);
      const expected = Math.sqrt(numbers(tensors).reduce((sum, value) => sum + value * value, 0));
      const permuted = tensors.map((x) => (x.shape.length === 4 ? permute(x, [1, 0, 3, 2]) : x));
      for (const list of [tensors, permuted, wide(tensors)]) {
        expect(Math.abs(normOfAll(list).item() / expected - 1)).toBeLessThan(1e-12);
      }
      expect(normOfAll([tensors[6], call("aten::slice.Tensor", [tensors[5], 0, 0, 70_001, 3])]).item()).toBeCloseTo(
        Math.sqrt(
          numbers([tensors[6]]).reduce((sum, value) => sum + value * value, 0) +
            numbers([tensors[5]]).reduce((sum, value, i) => sum + (i % 3 === 0 ? value * value : 0), 0),
        ),
        10,
      );
    }));

  test("adds ten million equal values without loss, on any number of threads", () =>
    scope(() => {
      const tensors = [full([10_000_000], 0.1), full([3], 0.1)];
      const value = Math.fround(0.1);
      const norms = [1, 2, 3].map((count) => {
        setThreads(count);
        return normOfAll(tensors).item();
      });
      expect(Math.abs(norms[0] / (value * Math.sqrt(10_000_003)) - 1)).toBeLessThan(1e-12);
      expect(new Set(norms).size).toBe(1);
    }));

  test("shows what is not finite", () =>
    scope(() => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const values = Float32Array.from({ length: 50 }, (_, i) => (i === 41 ? bad : 1));
        expect(Number.isFinite(normOfAll([clone(fromArray(values))]).item())).toBe(false);
      }
    }));
});
