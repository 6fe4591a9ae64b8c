/** Depthwise convolution against padding and libtorch's convolution in float64, forward and both gradients. */
import { afterEach, describe, expect, test } from "vitest";
import {
  type DType,
  fromArray,
  gradientOf,
  memoryStats,
  resetPeakMemory,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import {
  cast,
  concat,
  conv2d,
  detach,
  mul,
  type Padding,
  permute,
  reshape,
  rows,
  stack,
  sum,
} from "../../../src/tensor/operators.js";
import { callUntyped } from "../../support/call.js";
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

const depthwise = (x: Tensor, weight: Tensor, stride: number, padding: Padding): Tensor =>
  conv2d(x, weight, { stride, padding, groups: x.shape[1] });

/** Compares with the plain composition in float64 on the same (rounded) numbers. */
function compare(x: Tensor, weight: Tensor, stride: number, padding: Padding, tolerance: number): Results {
  return compareWith(
    paddedConvolution(stride, padding, x.shape[1]),
    (a, b) => depthwise(a, b, stride, padding),
    x,
    weight,
    tolerance,
  );
}

const PRECISIONS: [DType, DType, number][] = [
  ["float32", "float32", 1e-5],
  ["bfloat16", "bfloat16", 1e-2],
  ["bfloat16", "float32", 1e-2],
];

describe.each(PRECISIONS)("x %s, weight %s", (dtype, weightDtype, tolerance) => {
  /** A case on random numbers, with the dtypes of the results checked. */
  const check = (
    shape: readonly [number, number, number, number],
    size: number,
    stride: number,
    padding: Padding,
  ): void =>
    scope(() => {
      const weight = random([shape[1], 1, size, size], 2, weightDtype);
      const { y, gradX, gradWeight } = compare(random(shape, 1, dtype), weight, stride, padding, tolerance);
      expect([y.dtype, gradX.dtype, gradWeight.dtype]).toEqual([dtype, dtype, weightDtype]);
    });

  test.each([3, 5])("kernel %i on every width up to 17, both strides", (size) => {
    for (const stride of [1, 2]) {
      for (let width = 1; width <= 17; width++) check([2, 40, 18 - width, width], size, stride, sides((size - 1) / 2));
    }
  });

  test.each([1, 3, 17, 31, 32, 33, 64, 100])("%i channels", (channels) => {
    check([1, channels, 5, 6], 3, 1, sides(1));
    check([2, channels, 6, 5], 5, 2, sides(1, 2));
  });

  test("padding of each side by itself, none, and more than the kernel", () => {
    for (const stride of [1, 2]) {
      for (let side = 0; side < 81; side++) {
        const [left, right, top, bottom] = [side, side / 3, side / 9, side / 27].map((digit) => Math.floor(digit) % 3);
        check([1, 32, 6, 7], 3, stride, { left, right, top, bottom });
      }
      check([1, 32, 9, 12], 5, stride, sides(0));
      check([1, 32, 4, 3], 5, stride, sides(6, 7, 8, 5));
      check([1, 32, 4, 3], 3, stride, sides(9, 0, 0, 9));
    }
  });

  test("images wider than a tile and higher than a band", () => {
    check([2, 96, 40, 37], 3, 1, sides(1));
    check([1, 160, 33, 41], 5, 2, sides(1, 2));
    check([3, 48, 56, 28], 5, 1, sides(2));
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const weight = random([36, 1, 3, 3], 2, weightDtype);
      const x = random([4, 36, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      for (const view of [contiguous, permute(contiguous, [0, 1, 3, 2]), permute(x, [0, 1, 3, 2]), rows(x, 1, 3)]) {
        compare(view, weight, 1, sides(1), tolerance);
      }
      compare(x, permute(weight, [0, 1, 3, 2]), 2, sides(0, 1), tolerance);
    });
  });

  test("one and two threads give the same bits", () => {
    scope(() => {
      const x = random([5, 72, 30, 28], 1, dtype);
      const weight = random([72, 1, 5, 5], 2, weightDtype);
      for (const stride of [1, 2]) {
        const [one, two] = [1, 2].map((threads) => {
          setThreads(threads);
          const slopes = (y: Tensor): Tensor => random(y.shape, 3, dtype);
          return results((a, b) => depthwise(a, b, stride, sides(2)), x, weight, slopes);
        });
        for (const name of ["y", "gradX", "gradWeight"] as const) {
          expect(Buffer.compare(bytesOf(one[name]), bytesOf(two[name])), name).toBe(0);
        }
      }
    });
  });
});

afterEach(() => setThreads(1));

test("the gradient of the weight is a sum over many pixels, each rounded less than the whole", () => {
  scope(() => {
    const x = random([1, 32, 112, 112], 1);
    const positive = mul(x, x); // nothing cancels
    const images = concat(new Array<Tensor>(8).fill(positive));
    const kernel = detach(random([32, 1, 3, 3], 2)).requireGradient();
    const gradient = gradientOf(sum(depthwise(images, kernel, 1, sides(0))), kernel);
    const windows = [0, 1, 2].flatMap((top) =>
      [0, 1, 2].map((left) => {
        const window = callUntyped("aten::constant_pad_nd", [
          cast(positive, "float64"),
          [-left, left - 2, -top, top - 2],
        ]);
        return sum(window, [0, 2, 3]);
      }),
    );
    const expected = mul(permute(stack(windows), [1, 0]), 8);
    expect(difference(reshape(gradient, [32, 9]), expected)).toBeLessThan(1e-6);
  });
});

test("bfloat16 results are rounded to the nearest, ties to even; infinity and NaN stay", () => {
  const cases = [
    [0x3f80, 1 + 2 ** -8, 0x3f80],
    [0x3f80, 1 + 3 * 2 ** -8, 0x3f82],
    [0x3f80, 1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [0xbf80, 1 + 3 * 2 ** -8, 0xbf82],
    [0x7f7f, 1.01, 0x7f80],
    [0x7f80, 1, 0x7f80],
    [0xff80, 1, 0xff80],
    [0x8000, 1, 0x0000], // sums begin with zero, and 0 + -0 is 0
  ];
  const of = (i: number): number[] => cases[i % cases.length];
  scope(() => {
    const pixel = (bits: Uint16Array): Tensor => fromArray(bits, [1, 32, 1, 1], "bfloat16");
    const x = pixel(Uint16Array.from({ length: 32 }, (_, i) => of(i)[0]));
    const middle = Array.from({ length: 32 * 9 }, (_, i) => (i % 9 === 4 ? of(Math.floor(i / 9))[1] : 0));
    const weight = fromArray(middle, [32, 1, 3, 3]);
    const y = depthwise(x, weight, 1, sides(1)).toArray();
    expect([...(y as Uint16Array)]).toEqual(Array.from({ length: 32 }, (_, i) => of(i)[2]));
    const nan = depthwise(pixel(new Uint16Array(32).fill(0x7fff)), weight, 1, sides(1)).toNumbers();
    expect(nan).toEqual(new Array(32).fill(Number.NaN));
  });
});

test.each(["float32", "bfloat16"] as const)("a %s result that goes past the caches is that of its parts", (dtype) => {
  scope(() => {
    const image = random([1, 64, 112, 112], 1, dtype);
    const x = concat(new Array<Tensor>(12).fill(image)); // 16 MiB are 5.2 of the images in float32, 10.4 in bfloat16
    const weight = random([64, 1, 3, 3], 2, dtype);
    const convolve = (images: Tensor): readonly Tensor[] => {
      const input = detach(images).requireGradient();
      const y = depthwise(input, weight, 1, sides(1));
      return [detach(y), gradientOf(sum(mul(y, images)), input)];
    };
    const whole = convolve(x);
    for (const [i, part] of convolve(image).entries()) {
      for (const n of [0, 6, 11]) expect(Buffer.compare(bytesOf(rows(whole[i], n, n + 1)), bytesOf(part))).toBe(0);
    }
  });
});

describe("finite differences", () => {
  test.each([
    [3, 1, sides(1)],
    [5, 2, sides(1, 2)],
  ])("kernel %i, stride %i", (size, stride, padding) => {
    scope(() => {
      const [x, weight] = [random([1, 32, 5, 6], 1), random([32, 1, size, size], 2)];
      checkDifferenceQuotients((a, b) => depthwise(a, b, stride, padding), x, weight);
    });
  });
});

describe("memory", () => {
  const shape = [2, 64, 32, 32];
  const bytes = 2 * 64 * 32 * 32 * 4;

  test("x is kept for the gradient of the weight only", () =>
    checkInputIsKept((x, weight) => depthwise(x, weight, 1, sides(1)), [64, 1, 3, 3]));

  test("only the gradients that are needed are computed", () => {
    scope(() => {
      const weight = random([64, 1, 5, 5], 2);
      const peakOf = (loss: Tensor, leaf: Tensor): number => {
        const before = memoryStats().liveBytes;
        resetPeakMemory();
        gradientOf(loss, leaf);
        return memoryStats().peakBytes - before;
      };
      const x = random(shape, 1);
      const leaf = detach(weight).requireGradient();
      // The gradient of a sum is one number for all pixels, which the kernels need as a tensor like y.
      const forWeight = peakOf(sum(depthwise(x, leaf, 1, sides(2))), leaf);
      const input = detach(x).requireGradient();
      const forInput = peakOf(sum(depthwise(input, weight, 1, sides(2))), input);
      const sums = 4 * 64 * 25 * 4; // in at least four parts
      expect(forWeight).toBeGreaterThanOrEqual(bytes + sums);
      expect(forWeight).toBeLessThan(2 * bytes);
      expect(forInput).toBeGreaterThanOrEqual(2 * bytes);
      expect(forInput).toBeLessThan(2 * bytes + sums);
    });
  });
});

describe("falls back to libtorch", () => {
  test.each([
    [1, 1, sides(0)],
    [7, 1, sides(3)],
    [3, 3, sides(0, 2)],
    [4, 2, sides(1)],
  ])("for a kernel of %i at stride %i", (size, stride, padding) => {
    scope(() => void compare(random([2, 33, 9, 8], 1), random([33, 1, size, size], 2), stride, padding, 1e-5));
  });

  test("for float64", () => {
    scope(() => {
      const x = random([1, 33, 6, 7], 1, "float64");
      const { y } = compare(x, random([33, 1, 3, 3], 2, "float64"), 2, sides(0, 1), 1e-15);
      expect(y.dtype).toBe("float64");
    });
  });
});

test("arguments that do not fit", () => {
  scope(() => {
    const x = random([1, 32, 4, 4], 1);
    const of = (shape: number[], stride: number, padding: Padding) => () =>
      depthwise(x, random(shape, 2), stride, padding);
    expect(of([16, 1, 3, 3], 1, sides(1))).toThrow(error("ERR_LIBTORCH", /weight \[O, I \/ groups, k, k\]/));
    expect(of([32, 1, 3, 3], 0, sides(1))).toThrow(error("ERR_LIBTORCH", /stride must be at least 1; got 0/));
    expect(of([32, 1, 3, 3], 1, sides(-1))).toThrow(error("ERR_LIBTORCH", /none negative/));
    expect(of([32, 1, 5, 5], 1, sides(0))).toThrow(error("ERR_LIBTORCH", /at least as large as the kernel/));
  });
});
