/** Pointwise convolution against libtorch's convolution in float64, forward and both gradients. */
import { afterEach, describe, expect, test } from "vitest";
import {
  type DType,
  fromArray,
  gradientOf,
  keep,
  memoryStats,
  resetPeakMemory,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import { cast, concat, conv2d, detach, mul, mul_, permute, rows, sum } from "../../../src/tensor/operators.js";
import {
  bytesOf,
  checkDifferenceQuotients,
  checkInputIsKept,
  compareWith,
  difference,
  paddedConvolution,
  type Results,
  random,
  results,
  sides,
} from "../../support/convolutions.js";
import { error } from "../../support/errors.js";

const NAMES = ["y", "gradX", "gradWeight"] as const;

/** Compares with libtorch's convolution in float64 on the same numbers; the weight rounded to x's dtype, as the operator does. */
const compare = (x: Tensor, weight: Tensor, tolerance: number): Results =>
  compareWith(paddedConvolution(1, sides(0)), (a, b) => conv2d(a, b), x, weight, tolerance, cast(weight, x.dtype));

afterEach(() => setThreads(1));

// A bfloat16 result is rounded once, to 2^-9 of itself; its weight's gradient is not.
const PRECISIONS: [DType, DType, number][] = [
  ["float32", "float32", 1e-6],
  ["bfloat16", "bfloat16", 4e-3],
  ["bfloat16", "float32", 4e-3],
];

describe.each(PRECISIONS)("x %s, weight %s", (dtype, weightDtype, tolerance) => {
  const check = (count: number, inputs: number, outputs: number, height: number, width: number): void =>
    scope(() => {
      const weight = random([outputs, inputs, 1, 1], 2, weightDtype);
      const { y, gradX, gradWeight } = compare(random([count, inputs, height, width], 1, dtype), weight, tolerance);
      expect([y.dtype, gradX.dtype, gradWeight.dtype]).toEqual([dtype, dtype, weightDtype]);
    });

  test("every number of outputs up to nine vectors, around each multiple of the vector", () => {
    for (let vectors = 0; vectors <= 9; vectors++) {
      for (const outputs of [16 * vectors - 1, 16 * vectors, 16 * vectors + 1])
        if (outputs > 0) check(1, 21, outputs, 5, 5);
    }
  });

  test.each([1, 2, 3, 15, 16, 17, 31, 32, 33, 100])("%i inputs", (inputs) => {
    for (const outputs of [1, 24, 40, 49]) check(2, inputs, outputs, 3, 7);
  });

  test("every number of pixels up to 60", () => {
    for (let pixels = 1; pixels <= 60; pixels++) for (const outputs of [16, 32, 48]) check(1, 17, outputs, 1, pixels);
  });

  test("more pixels than a block, and more words than a cache", () => {
    check(3, 16, 96, 31, 33);
    check(2, 96, 24, 29, 31);
    check(2, 640, 300, 9, 11);
    check(1, 300, 640, 9, 11);
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const weight = random([20, 36, 1, 1], 2, weightDtype);
      const x = random([4, 36, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      for (const view of [contiguous, permute(contiguous, [0, 1, 3, 2]), permute(x, [0, 1, 3, 2]), rows(x, 1, 3)]) {
        compare(view, weight, tolerance);
      }
      compare(x, permute(random([36, 20, 1, 1], 2, weightDtype), [1, 0, 2, 3]), tolerance);
    });
  });

  test("any number of threads gives the same bits", () => {
    scope(() => {
      for (const [inputs, outputs, side] of [
        [24, 72, 40],
        [200, 500, 7],
      ]) {
        const x = random([5, inputs, side, side], 1, dtype);
        const weight = random([outputs, inputs, 1, 1], 2, weightDtype);
        const [one, ...others] = [1, 2, 3].map((threads) => {
          setThreads(threads);
          return results(
            (a, b) => conv2d(a, b),
            x,
            weight,
            (y) => random(y.shape, 3, dtype),
          );
        });
        for (const other of others) {
          for (const name of NAMES) expect(Buffer.compare(bytesOf(one[name]), bytesOf(other[name])), name).toBe(0);
        }
      }
    });
  });

  test("what is kept of the weight follows its changes, and a gradient is of the weight of its forward pass", () => {
    scope(() => {
      const x = random([2, 19, 5, 6], 1, dtype);
      const weight = random([35, 19, 1, 1], 2, weightDtype);
      const slopes = random([2, 35, 5, 6], 3, dtype);
      const fresh = (factor: number) =>
        results(
          (a, b) => conv2d(a, b),
          x,
          mul(weight, factor),
          () => slopes,
        );
      const [expected, doubled] = [fresh(1), fresh(2)];
      const input = detach(x).requireGradient();
      const loss = sum(mul(conv2d(input, weight), slopes));
      mul_(weight, 2);
      expect(Buffer.compare(bytesOf(gradientOf(loss, input)), bytesOf(expected.gradX))).toBe(0);
      expect(Buffer.compare(bytesOf(conv2d(x, weight)), bytesOf(doubled.y))).toBe(0);
      // Another tensor of the same elements, and others in the same memory.
      expect(Buffer.compare(bytesOf(conv2d(x, detach(weight))), bytesOf(doubled.y))).toBe(0);
      for (const part of [rows(weight, 0, 15), rows(weight, 20, 35)]) {
        expect(Buffer.compare(bytesOf(conv2d(x, part)), bytesOf(conv2d(x, mul(part, 1))))).toBe(0);
      }
    });
  });
});

test("infinity and NaN reach their own pixel alone, through any depth", () => {
  scope(() => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      for (const depth of [3, 4]) {
        const numbers = new Array<number>(depth * 40).fill(1);
        numbers[7 * depth] = Number.NaN;
        numbers[20 * depth + depth - 1] = Number.POSITIVE_INFINITY;
        const x = permute(cast(fromArray(numbers, [1, 1, 40, depth]), dtype), [0, 3, 1, 2]);
        const y = conv2d(x, fromArray(new Array<number>(depth * 5).fill(0.5), [5, depth, 1, 1])).toNumbers();
        const expected = (pixel: number): number =>
          pixel === 7 ? Number.NaN : pixel === 20 ? Number.POSITIVE_INFINITY : depth / 2;
        expect(y).toEqual(Array.from({ length: 200 }, (_, i) => expected(i % 40)));
      }
    }
  });
});

test("the gradient of the weight is a sum over many pixels, each rounded less than the whole", () => {
  scope(() => {
    const x = random([1, 24, 112, 112], 1);
    const positive = mul(x, x); // nothing cancels
    const kernel = detach(random([40, 24, 1, 1], 2)).requireGradient();
    const gradient = gradientOf(sum(conv2d(concat(new Array<Tensor>(8).fill(positive)), kernel)), kernel);
    const one = mul(sum(cast(positive, "float64"), [0, 2, 3]), 8);
    const expected = concat(
      new Array<Tensor>(40).fill(permute(fromArray(one.toNumbers(), [24, 1, 1, 1], "float64"), [1, 0, 2, 3])),
    );
    expect(difference(gradient, expected)).toBeLessThan(1e-6);
  });
});

test("finite differences", () => {
  scope(() => {
    const [x, weight] = [random([1, 18, 5, 6], 1), random([20, 18, 1, 1], 2)];
    checkDifferenceQuotients((a, b) => conv2d(a, b), x, weight);
  });
});

describe("memory", () => {
  const shape = [2, 64, 32, 32];
  const bytes = 2 * 64 * 32 * 32 * 4;

  test("x is kept for the gradient of the weight only", () =>
    checkInputIsKept((x, weight) => conv2d(x, weight), [32, 64, 1, 1]));

  test("what is kept of a weight ends with it, and is one for each dtype of x", () => {
    const weight = scope(() => keep(random([64, 64, 1, 1], 2)));
    const x = scope(() => keep(random(shape, 1)));
    const kept = (dtype: DType): number => {
      const before = memoryStats().liveBytes;
      scope(() => {
        const input = cast(x, dtype);
        for (const pass of [weight, detach(weight), weight]) conv2d(input, pass);
      });
      return memoryStats().liveBytes - before;
    };
    const start = memoryStats().liveBytes;
    const packed = kept("float32");
    expect(packed).toBeGreaterThanOrEqual(2 * 64 * 64 * 4); // for the result and for the gradient
    expect(packed).toBeLessThan(3 * 64 * 64 * 4);
    expect(kept("float32")).toBe(0);
    expect(kept("bfloat16")).toBeGreaterThan(0);
    mul_(weight, 2);
    expect(kept("float32")).toBe(0); // in the place of what it was
    weight.dispose();
    expect(start - memoryStats().liveBytes).toBe(64 * 64 * 4);
    x.dispose();
  });

  test("only the gradients that are needed are computed", () => {
    scope(() => {
      const weight = random([64, 64, 1, 1], 2);
      const peakOf = (loss: Tensor, leaf: Tensor): number => {
        const before = memoryStats().liveBytes;
        resetPeakMemory();
        gradientOf(loss, leaf);
        return memoryStats().peakBytes - before;
      };
      const x = random(shape, 1);
      const leaf = detach(weight).requireGradient();
      // The gradient of a sum is one number for all pixels, which the kernels need as a tensor like y.
      const forWeight = peakOf(sum(conv2d(x, leaf)), leaf);
      const input = detach(x).requireGradient();
      const forInput = peakOf(sum(conv2d(input, weight)), input);
      expect(forWeight).toBeGreaterThanOrEqual(bytes + 64 * 64 * 4);
      expect(forInput).toBeGreaterThanOrEqual(2 * bytes);
      expect(forInput).toBeLessThan(2 * bytes + 64 * 64 * 4);
    });
  });
});

test("falls back to libtorch for float64 and for no pixels", () => {
  scope(() => {
    const x = random([2, 33, 6, 7], 1, "float64");
    expect(compare(x, random([5, 33, 1, 1], 2, "float64"), 1e-15).y.dtype).toBe("float64");
    expect(conv2d(fromArray([], [0, 33, 6, 7]), random([5, 33, 1, 1], 2)).shape).toEqual([0, 5, 6, 7]);
  });
});

test("arguments that do not fit", () => {
  scope(() => {
    const x = random([1, 32, 4, 4], 1);
    expect(() => conv2d(x, random([16, 16, 1, 1], 2))).toThrow(
      error("ERR_LIBTORCH", /weight \[O, I \/ groups, k, k\]; got \[1, 32, 4, 4\] and \[16, 16, 1, 1\]/),
    );
  });
});
