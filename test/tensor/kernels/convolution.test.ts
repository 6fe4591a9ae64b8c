/** 3x3 convolution against libtorch's in float64, forward and both gradients. */
import { afterEach, describe, expect, test } from "vitest";
import {
  type DType,
  fromArray,
  gradientOf,
  memoryStats,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import {
  add,
  batchNorm,
  cast,
  conv2d,
  detach,
  mul,
  normReluConv2d3x3,
  permute,
  rows,
  sum,
} from "../../../src/tensor/operators.js";
import {
  bytesOf,
  checkDifferenceQuotients,
  compareWith,
  difference,
  paddedConvolution,
  type Results,
  random,
  results,
  sides,
} from "../../support/convolutions.js";

afterEach(() => setThreads(1));

const NAMES = ["y", "gradX", "gradWeight"] as const;

const plain = paddedConvolution(1, sides(1));
const convolve = (x: Tensor, weight: Tensor): Tensor => conv2d(x, weight, { padding: 1 });

/** Compares with libtorch's convolution in float64 on the same (rounded) numbers. */
const compare = (x: Tensor, weight: Tensor, tolerance: number): Results =>
  compareWith(plain, convolve, x, weight, tolerance);

const PRECISIONS: [DType, DType, number][] = [
  ["float32", "float32", 1e-5],
  ["bfloat16", "bfloat16", 1e-2],
  ["bfloat16", "float32", 1e-2],
];

describe.each(PRECISIONS)("x %s, weight %s", (dtype, weightDtype, tolerance) => {
  const check = (images: number, inputs: number, outputs: number, height: number, width: number): void =>
    scope(() => {
      const weight = random([outputs, inputs, 3, 3], 2, weightDtype);
      const { y, gradX, gradWeight } = compare(random([images, inputs, height, width], 1, dtype), weight, tolerance);
      expect([y.dtype, gradX.dtype, gradWeight.dtype]).toEqual([dtype, dtype, weightDtype]);
    });

  test("every height and width up to 10, tiles that reach over the edge", () => {
    for (let height = 1; height <= 10; height++) {
      for (let width = 1; width <= 10; width++) check(2, 16, 32, height, width);
    }
  });

  test.each([16, 32, 48, 64, 80, 128])("%i channels in and out, and beside others", (channels) => {
    check(1, channels, channels, 5, 6);
    check(3, channels, 16, 8, 4);
    check(1, 32, channels, 4, 9);
  });

  test.each([1, 3, 15, 17, 100])("%i channels, which fill no vectors", (channels) => {
    check(2, channels, 16, 6, 5);
    check(2, 16, channels, 5, 6);
  });

  test("many tiles; weights that are transformed panel by panel, their gradients group by group", () => {
    check(5, 16, 16, 33, 29);
    check(2, 256, 192, 8, 7);
    check(1, 192, 448, 4, 4);
    check(40, 128, 256, 14, 14);
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const weight = random([32, 32, 3, 3], 2, weightDtype);
      const x = random([4, 32, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      for (const view of [contiguous, permute(contiguous, [0, 1, 3, 2]), permute(x, [0, 1, 3, 2]), rows(x, 1, 3)]) {
        compare(view, weight, tolerance);
      }
      compare(x, permute(weight, [0, 1, 3, 2]), tolerance);
      compare(x, permute(weight, [1, 0, 2, 3]), tolerance);
    });
  });

  test("one and two threads give the same bits", () => {
    scope(() => {
      for (const channels of [32, 256]) {
        const x = random([5, channels, 13, 12], 1, dtype);
        const weight = random([channels, channels, 3, 3], 2, weightDtype);
        const [one, two] = [1, 2].map((threads) => {
          setThreads(threads);
          return results(convolve, x, weight, (y) => random(y.shape, 3, dtype));
        });
        for (const name of NAMES) expect(Buffer.compare(bytesOf(one[name]), bytesOf(two[name])), name).toBe(0);
      }
    });
  });

  test("an image's result does not depend on the batch around it", () => {
    scope(() => {
      const x = random([9, 48, 6, 10], 1, dtype);
      const weight = random([64, 48, 3, 3], 2, weightDtype);
      const whole = convolve(x, weight);
      for (const n of [0, 4, 8]) {
        const alone = convolve(rows(x, n, n + 1), weight);
        expect(Buffer.compare(bytesOf(rows(whole, n, n + 1)), bytesOf(alone))).toBe(0);
      }
    });
  });
});

test("infinity and NaN reach the results that they touch, and none far away", () => {
  scope(() => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = random([1, 16, 12, 12], 1).toNumbers();
      values[0] = bad; // the first channel's corner
      const y = convolve(fromArray(values, [1, 16, 12, 12]), random([16, 16, 3, 3], 2)).toNumbers();
      expect(Number.isFinite(y[0]) || Number.isFinite(y[13])).toBe(false);
      expect(y.slice(-12 * 4).every(Number.isFinite)).toBe(true);
    }
  });
});

test("finite differences", () => {
  scope(() => checkDifferenceQuotients(convolve, random([1, 16, 5, 6], 1), random([16, 16, 3, 3], 2)));
});

describe.each([
  ["float32", 1e-5],
  ["bfloat16", 1e-2],
] as const)("the convolution of relu(norm(x)), %s", (dtype, tolerance) => {
  /** The result, every gradient and the moved statistics, of an operator or of norm, rectifier and convolution in its dtype. */
  function normResults(
    of: typeof normReluConv2d3x3,
    on: DType,
    x: Tensor,
    batch: boolean,
    trainable = true,
  ): Readonly<Record<string, Tensor>> {
    const channels = x.shape[1];
    const parameter = (purpose: number, offset: number): Tensor => {
      const values = add(mul(random([channels], purpose), 0.5), offset);
      return cast(values, on);
    };
    const scale = parameter(4, 1);
    const shift = parameter(5, 0.25);
    const [runningMean, runningVariance] = [parameter(6, 0), parameter(7, 1)];
    const weight = cast(random([48, channels, 3, 3], 2), on);
    const inputs = [x, scale, shift, weight].map((tensor) =>
      detach(cast(tensor, tensor === x && on !== "float64" ? dtype : on)),
    );
    for (const tensor of trainable ? inputs : inputs.slice(0, 1)) tensor.requireGradient();
    const loss = (): Tensor => {
      const [a, b, c, w] = inputs;
      const y = of(a, { scale: b, shift: c, runningMean, runningVariance, batch, factor: 0, epsilon: 1e-5 }, w);
      return sum(mul(y, cast(random(y.shape, 3, dtype), y.dtype)));
    };
    const [a, b, c, w] = inputs.map(detach);
    const y = of(a, { scale: b, shift: c, runningMean, runningVariance, batch, factor: 0.25, epsilon: 1e-5 }, w);
    const gradients = trainable ? inputs.map((input) => gradientOf(loss(), input)) : [gradientOf(loss(), inputs[0])];
    const named = ["gradX", "gradScale", "gradShift", "gradWeight"].slice(0, gradients.length);
    return { y, runningMean, runningVariance, ...Object.fromEntries(named.map((name, i) => [name, gradients[i]])) };
  }

  const composition: typeof normReluConv2d3x3 = (x, how, weight) => {
    const y = batchNorm(x, { ...how, residual: undefined, activation: "relu" });
    return plain(y, weight);
  };

  const check = (x: Tensor, batch: boolean, trainable = true): void =>
    scope(() => {
      const actual = normResults(normReluConv2d3x3, "float32", x, batch, trainable);
      const expected = normResults(composition, "float64", x, batch, trainable);
      expect(Object.keys(actual)).toEqual(Object.keys(expected));
      for (const name of Object.keys(actual))
        expect(difference(actual[name], expected[name]), name).toBeLessThan(tolerance);
    });

  test.each([
    ["batch", true],
    ["running", false],
  ])("by %s statistics", (_, batch) => {
    for (const shape of [
      [2, 16, 9, 7],
      [3, 64, 8, 4],
      [1, 32, 5, 5],
      [2, 24, 6, 6],
      [4, 16, 1, 1],
    ]) {
      scope(() => check(random(shape, 1, dtype), batch));
    }
  });

  test("in an attack, where only x has a gradient", () => {
    for (const shape of [
      [2, 16, 9, 7],
      [3, 64, 8, 4],
      [1, 256, 5, 5],
    ]) {
      scope(() => check(random(shape, 1, dtype), false, false));
    }
  });

  test("keeps no activation but x", () => {
    scope(() => {
      const x = random([4, 64, 16, 16], 1, dtype).requireGradient();
      const ones = fromArray(new Float32Array(64).fill(1), [64]);
      const weight = random([64, 64, 3, 3], 2).requireGradient();
      const how = {
        scale: ones,
        shift: ones,
        runningMean: ones,
        runningVariance: ones,
        batch: true,
        factor: 0,
        epsilon: 1e-5,
      };
      const before = memoryStats().liveBytes;
      const y = normReluConv2d3x3(x, how, weight);
      const kept = memoryStats().liveBytes - before;
      const bytes = x.size * (dtype === "float32" ? 4 : 2);
      expect(y.size).toBe(x.size);
      expect(kept).toBeGreaterThanOrEqual(bytes); // y itself
      expect(kept).toBeLessThan(1.1 * bytes);
    });
  });
});
