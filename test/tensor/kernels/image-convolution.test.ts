/** The first convolution of a network against padding and libtorch's convolution in float64, forward and both gradients. */
import { afterEach, describe, expect, test } from "vitest";
import { type DType, fromArray, scope, setThreads, type Tensor } from "../../../src/tensor/index.js";
import { cast, conv2d, type Padding, permute, rows } from "../../../src/tensor/operators.js";
import { bytesOf, compareWith, paddedConvolution, random, results, sides } from "../../support/convolutions.js";
import { error } from "../../support/errors.js";

afterEach(() => setThreads(1));

const PRECISIONS: [DType, DType, number][] = [
  ["float32", "float32", 1e-5],
  ["bfloat16", "float32", 1e-2],
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

  test.each([3, 7])("kernel %i: every width up to 20, strides 1, 2 and 3", (size) => {
    for (const stride of [1, 2, 3]) {
      for (let width = 1; width <= 20; width++) {
        scope(() => {
          const weight = random([20, 3, size, size], 2, weightDtype);
          check(random([2, 3, 21 - width, width], 1, dtype), weight, stride, sides((size - 1) / 2));
        });
      }
    }
  });

  test.each([1, 15, 16, 17, 32, 48, 64, 100])("%i outputs", (outputs) => {
    scope(() => check(random([2, 3, 9, 40], 1, dtype), random([outputs, 3, 3, 3], 2, weightDtype), 2, sides(0, 1)));
  });

  test("padding of each side by itself, none, and more than the kernel", () => {
    for (const [left, right, top, bottom] of [
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [2, 0, 1, 3],
      [9, 0, 0, 9],
      [0, 8, 7, 0],
    ]) {
      for (const stride of [1, 2]) {
        scope(() => {
          const x = random([1, 3, 9, 10], 1, dtype);
          check(x, random([16, 3, 3, 3], 2, weightDtype), stride, { left, right, top, bottom });
          check(x, random([16, 3, 7, 7], 2, weightDtype), stride, { left, right, top, bottom });
        });
      }
    }
  });

  test("other numbers of channels, and kernels that are libtorch's", () => {
    scope(() => check(random([2, 4, 9, 10], 1, dtype), random([16, 4, 3, 3], 2, weightDtype), 2, sides(0, 1)));
    scope(() => check(random([2, 3, 9, 10], 1, dtype), random([16, 3, 5, 5], 2, weightDtype), 2, sides(2)));
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const weight = random([32, 3, 3, 3], 2, weightDtype);
      const x = random([4, 3, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      for (const view of [contiguous, permute(contiguous, [0, 1, 3, 2]), permute(x, [0, 1, 3, 2]), rows(x, 1, 3)]) {
        check(view, weight, 2, sides(1));
      }
      check(x, permute(weight, [0, 1, 3, 2]), 1, sides(1));
    });
  });

  test("one and two threads give the same bits", () => {
    scope(() => {
      const x = random([5, 3, 40, 36], 1, dtype);
      const weight = random([32, 3, 3, 3], 2, weightDtype);
      const [one, two] = [1, 2].map((threads) => {
        setThreads(threads);
        return results(
          (a, b) => conv2d(a, b, { stride: 2, padding: sides(0, 1) }),
          x,
          weight,
          (y) => random(y.shape, 3, dtype),
        );
      });
      for (const name of ["y", "gradX"] as const) {
        expect(Buffer.compare(bytesOf(one[name]), bytesOf(two[name])), name).toBe(0);
      }
    });
  });
});

test("arguments that do not fit", () => {
  scope(() => {
    const x = random([1, 3, 4, 4], 1);
    const of = (weight: Tensor, stride: number, padding: Padding) => () => conv2d(x, weight, { stride, padding });
    expect(of(random([16, 2, 3, 3], 2), 1, sides(1))).toThrow(error("ERR_LIBTORCH", /weight \[O, I \/ groups, k, k\]/));
    expect(of(random([16, 3, 3, 3], 2), 0, sides(1))).toThrow(
      error("ERR_LIBTORCH", /stride must be at least 1; got 0/),
    );
    expect(of(random([16, 3, 3, 3], 2), 1, sides(-1))).toThrow(error("ERR_LIBTORCH", /none negative/));
    expect(of(random([16, 3, 7, 7], 2), 1, sides(0))).toThrow(error("ERR_LIBTORCH", /at least as large as the kernel/));
  });
});
