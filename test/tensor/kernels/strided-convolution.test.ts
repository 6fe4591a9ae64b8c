/** Dense convolution with a stride against padding and libtorch's convolution in float64, forward and both gradients. */
import { afterEach, describe, expect, test } from "vitest";
import {
  type DType,
  fromArray,
  gradientOf,
  memoryStats,
  profile,
  resetPeakMemory,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import { cast, conv2d, detach, mul, type Padding, permute, rows, sum } from "../../../src/tensor/operators.js";
import {
  bytesOf,
  checkDifferenceQuotients,
  checkInputIsKept,
  compareWith,
  paddedConvolution,
  random,
  results,
  sides,
} from "../../support/convolutions.js";
import { error } from "../../support/errors.js";

afterEach(() => setThreads(1));

const NAMES = ["y", "gradX", "gradWeight"] as const;

const PRECISIONS: [DType, DType, number][] = [
  ["float32", "float32", 1e-5],
  ["bfloat16", "bfloat16", 1e-2],
  ["bfloat16", "float32", 1e-2],
  ["float32", "bfloat16", 1e-2],
];

describe.each(PRECISIONS)("x %s, weight %s", (dtype, weightDtype, tolerance) => {
  function check(x: Tensor, weight: Tensor, stride: number, padding: Padding): void {
    const { y, gradX, gradWeight } = compareWith(
      paddedConvolution(stride, padding),
      (a, b) => conv2d(a, b, { stride, padding }),
      x,
      weight,
      tolerance,
    );
    expect([y.dtype, gradX.dtype, gradWeight.dtype]).toEqual([dtype, dtype, weightDtype]);
  }

  const checkSizes = (x: readonly number[], outputs: number, size: number, stride: number, padding: Padding): void =>
    scope(() => check(random(x, 1, dtype), random([outputs, x[1], size, size], 2, weightDtype), stride, padding));

  test.each([1, 3, 5, 7])("kernel %i: every width up to 12, strides 1 to 4", (size) => {
    for (const stride of [1, 2, 3, 4]) {
      for (let width = 1; width <= 12; width++)
        checkSizes([2, 5, 13 - width, width], 9, size, stride, sides((size - 1) / 2));
    }
  });

  test.each([2, 4, 6])("kernel %i", (size) => {
    for (const stride of [1, 2, 5]) checkSizes([2, 6, 9, 8], 10, size, stride, sides(1));
  });

  test.each([1, 2, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100])(
    "%i channels in and out, and beside others",
    (channels) => {
      for (const size of [1, 3]) {
        checkSizes([1, channels, 5, 6], channels, size, 2, sides((size - 1) / 2));
        checkSizes([3, channels, 8, 7], 16, size, 2, sides((size - 1) / 2));
        checkSizes([1, 12, 4, 9], channels, size, 2, sides((size - 1) / 2));
      }
    },
  );

  test("padding of each side by itself, none, and more than the kernel", () => {
    for (const [left, right, top, bottom] of [
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [2, 0, 1, 3],
      [9, 0, 0, 9],
      [0, 8, 7, 0],
    ]) {
      for (const stride of [1, 2, 3]) {
        for (const size of [1, 3, 7]) checkSizes([1, 8, 9, 10], 16, size, stride, { left, right, top, bottom });
      }
    }
  });

  test("one pixel, and images smaller than the stride", () => {
    for (const size of [1, 3]) {
      for (const [height, width] of [
        [1, 1],
        [1, 2],
        [2, 1],
        [2, 2],
      ]) {
        for (const stride of [2, 3]) {
          checkSizes([3, 8, height, width], 8, size, stride, sides((size - 1) / 2));
          checkSizes([1, 1, height, width], 1, size, stride, sides(1, 2));
        }
      }
    }
  });

  test("many blocks of pixels, blocks that begin within a row, patches longer than a block's share", () => {
    checkSizes([3, 32, 37, 41], 24, 3, 2, sides(1));
    checkSizes([20, 300, 6, 6], 40, 3, 2, sides(1));
    checkSizes([2, 700, 9, 8], 33, 3, 2, sides(1));
    checkSizes([1, 40, 6, 300], 130, 1, 2, sides(0));
  });

  test("the weight's gradient from several groups of images", () => {
    checkSizes([5, 64, 57, 56], 8, 3, 2, sides(1));
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const weight = random([20, 12, 3, 3], 2, weightDtype);
      const x = random([4, 12, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      for (const view of [contiguous, permute(contiguous, [0, 1, 3, 2]), permute(x, [0, 1, 3, 2]), rows(x, 1, 3)]) {
        check(view, weight, 2, sides(1));
      }
      check(x, permute(weight, [0, 1, 3, 2]), 2, sides(1));
      check(x, permute(random([12, 20, 3, 3], 2, weightDtype), [1, 0, 2, 3]), 2, sides(1));
    });
  });

  test("any number of threads gives the same bits", () => {
    scope(() => {
      for (const [images, inputs, outputs, side] of [
        [5, 24, 72, 40],
        [3, 200, 500, 7],
      ]) {
        const x = random([images, inputs, side, side], 1, dtype);
        const weight = random([outputs, inputs, 3, 3], 2, weightDtype);
        const [one, ...others] = [1, 2, 3].map((threads) => {
          setThreads(threads);
          return results(
            (a, b) => conv2d(a, b, { stride: 2, padding: sides(1) }),
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

  test("an image's result and gradient do not depend on the batch around it", () => {
    scope(() => {
      const x = random([9, 40, 6, 10], 1, dtype);
      const weight = random([64, 40, 3, 3], 2, weightDtype);
      const slopes = random([9, 64, 3, 5], 3, dtype);
      const of = (begin: number, end: number) =>
        results(
          (a, b) => conv2d(a, b, { stride: 2, padding: sides(1) }),
          rows(x, begin, end),
          weight,
          () => rows(slopes, begin, end),
        );
      const whole = of(0, 9);
      for (const n of [0, 4, 8]) {
        const alone = of(n, n + 1);
        for (const name of ["y", "gradX"] as const) {
          expect(Buffer.compare(bytesOf(rows(whole[name], n, n + 1)), bytesOf(alone[name])), name).toBe(0);
        }
      }
    });
  });
});

test("finite differences", () => {
  scope(() =>
    checkDifferenceQuotients(
      (a, b) => conv2d(a, b, { stride: 2, padding: sides(1) }),
      random([1, 18, 5, 6], 1),
      random([20, 18, 3, 3], 2),
    ),
  );
});

describe("memory", () => {
  const shape = [2, 64, 32, 32];
  const convolve = (x: Tensor, weight: Tensor): Tensor => conv2d(x, weight, { stride: 2, padding: sides(1) });

  test("x is kept for the gradient of the weight only", () => checkInputIsKept(convolve, [32, 64, 3, 3]));

  test("the weight is kept for the gradient of x only", () => {
    scope(() => {
      const leaf = random([64, 64, 3, 3], 2).requireGradient();
      const weight = mul(leaf, 2);
      const y = convolve(random(shape, 1), weight);
      const before = memoryStats().liveBytes;
      weight.dispose();
      expect(before - memoryStats().liveBytes).toBe(64 * 64 * 9 * 4);
      expect(y.requiresGradient).toBe(true);
    });
  });

  test("only the gradients that are needed are computed", () => {
    scope(() => {
      const [x, weight] = [random(shape, 1), random([64, 64, 3, 3], 2)];
      const rowsOf = (a: Tensor, b: Tensor, leaf: Tensor): string[] =>
        profile(() => gradientOf(sum(convolve(a, b)), leaf))
          .rows.map(({ name }) => name)
          .filter((name) => name.includes("conv2d"))
          .sort();
      const kernel = detach(weight).requireGradient();
      expect(rowsOf(x, kernel, kernel)).toEqual([
        "advprop::conv2d 3x3 stride 2",
        "advprop::conv2d 3x3 stride 2 (weight gradient)",
      ]);
      const input = detach(x).requireGradient();
      expect(rowsOf(input, weight, input)).toEqual([
        "advprop::conv2d 3x3 stride 2",
        "advprop::conv2d 3x3 stride 2 (input gradient)",
      ]);
    });
  });

  test("no padded copy of x and no patches of a whole batch are made", () => {
    scope(() => {
      const x = random([16, 64, 32, 32], 1);
      const weight = random([64, 64, 3, 3], 2);
      resetPeakMemory();
      const before = memoryStats().liveBytes;
      const y = convolve(x, weight);
      expect(memoryStats().peakBytes - before).toBeLessThan(4 * y.size + 2 ** 20);
    });
  });
});

test("a profile counts the arithmetic of the forward pass and of each gradient", () => {
  scope(() => {
    const x = random([2, 6, 9, 7], 1).requireGradient();
    const weight = random([10, 6, 5, 5], 2).requireGradient();
    const { rows: all } = profile(() => {
      const y = conv2d(x, weight, { stride: 2, padding: sides(2) });
      return gradientOf(sum(y), x);
    });
    const row = (name: string) => all.find((one) => one.name === `advprop::conv2d 5x5 stride 2${name}`);
    const flops = 2 * 25 * 6 * 10 * (2 * 5 * 4);
    expect(row("")).toMatchObject({ calls: 1, flops, convolution: true });
    expect(row(" (input gradient)")).toMatchObject({ calls: 1, flops, convolution: true });
  });
});

test("falls back to libtorch for float64 and for kernels that are not square", () => {
  scope(() => {
    const of = (dtype: DType, shape: readonly number[], kernel: readonly number[]): Tensor =>
      compareWith(
        paddedConvolution(2, sides(0, 1, 1, 0)),
        (a, b) => conv2d(a, b, { stride: 2, padding: sides(0, 1, 1, 0) }),
        random(shape, 1, dtype),
        random(kernel, 2, dtype),
        dtype === "float64" ? 1e-15 : 1e-5,
      ).y;
    expect(of("float64", [2, 5, 6, 7], [4, 5, 3, 3]).dtype).toBe("float64");
    expect(of("float32", [2, 5, 6, 7], [4, 5, 3, 2]).shape).toEqual([2, 4, 3, 4]);
  });
});

test("arguments that do not fit", () => {
  scope(() => {
    const x = random([1, 8, 4, 4], 1);
    const of = (weight: Tensor, stride: number, padding: Padding) => () => conv2d(x, weight, { stride, padding });
    const weight = random([16, 8, 3, 3], 2);
    expect(of(random([16, 4, 3, 3], 2), 2, sides(1))).toThrow(
      error("ERR_LIBTORCH", /weight \[O, I \/ groups, k, k\]; got \[1, 8, 4, 4\] and \[16, 4, 3, 3\]/),
    );
    expect(of(weight, 0, sides(1))).toThrow(error("ERR_LIBTORCH", /stride must be at least 1; got 0/));
    expect(of(weight, 2, sides(-1))).toThrow(
      error("ERR_LIBTORCH", /padding must be .* none negative; got \[-1, -1, -1, -1\]/),
    );
    expect(of(random([16, 8, 7, 7], 2), 2, sides(1))).toThrow(
      error("ERR_LIBTORCH", /the padded input must be at least as large as the kernel; got x \[1, 8, 4, 4\]/),
    );
  });
});
