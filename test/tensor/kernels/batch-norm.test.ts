/** The batch norm kernel against libtorch's operators in float64: every form, shape and activation, values and gradients. */
import { describe, expect, test } from "vitest";
import { KeyedRandom } from "../../../src/random.js";
import {
  call,
  type DType,
  fromArray,
  GradientStore,
  scope,
  setThreads,
  type Tensor,
} from "../../../src/tensor/index.js";
import { type Activation, batchNorm, cast, channelsLast, mul, sum } from "../../../src/tensor/operators.js";

interface Setting {
  readonly shape: readonly [number, number, number, number];
  readonly activation: Activation;
  readonly batch: boolean;
  readonly residual: boolean;
}

const EPSILON = 1e-3;

/** Values of mean 3, so that sums of squares would cancel. */
function values(count: number, stream: number, offset: number): number[] {
  const random = new KeyedRandom(7, 1, 0, 0, stream);
  return Array.from({ length: count }, (_, i) => offset + random.normal(i));
}

/** The operator's result, its gradients and the moved statistics, all as numbers. */
function run(
  { shape, activation, batch, residual }: Setting,
  dtype: DType,
  { view = false, frozen = false }: { readonly view?: boolean; readonly frozen?: boolean } = {},
): Record<string, number[]> {
  return scope(() => {
    const [n, c, h, w] = shape;
    const wide = dtype === "float64" ? "float64" : "float32";
    const tensor = (stream: number, offset: number): Tensor => {
      // Rounded to bfloat16 in every dtype, so that all compute the same.
      const made = cast(cast(fromArray(values(n * c * h * w, stream, offset), [n, h, w, c]), "bfloat16"), dtype);
      const x = call("aten::permute", [made, [0, 3, 1, 2]]);
      return view ? call("aten::slice.Tensor", [call("aten::cat", [[x, x], 0]), 0, 0, undefined, 2]) : channelsLast(x);
    };
    const perChannel = (stream: number, offset: number) =>
      cast(
        fromArray(
          values(c, stream, offset).map((value) => Math.abs(value) + 0.5),
          [c],
        ),
        wide,
      );
    const x = tensor(1, 3).requireGradient();
    const other = residual ? tensor(2, 0).requireGradient() : undefined;
    const scale = perChannel(3, 0).requireGradient();
    const shift = perChannel(4, -1).requireGradient();
    const [runningMean, runningVariance] = [perChannel(5, 2), perChannel(6, 1)];
    const y = batchNorm(x, {
      scale,
      shift,
      runningMean,
      runningVariance,
      batch,
      factor: 0.3,
      epsilon: EPSILON,
      residual: other,
      activation,
    });
    const leaves = [x, ...(frozen ? [] : [scale, shift]), ...(other === undefined ? [] : [other])];
    const store = new GradientStore(leaves);
    store.add(sum(mul(cast(y, wide), cast(tensor(8, 0), wide))));
    const gradients = store.read().map((gradient) => gradient?.toNumbers() ?? []);
    store.clear();
    return {
      y: y.toNumbers(),
      gradX: gradients[0],
      ...(!frozen && { gradScale: gradients[1], gradShift: gradients[2] }),
      ...(residual && { gradResidual: gradients[leaves.length - 1] }),
      runningMean: runningMean.toNumbers(),
      runningVariance: runningVariance.toNumbers(),
    };
  });
}

/** The largest difference relative to the largest value. */
function difference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(1, ...expected.map(Math.abs));
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / largest;
}

test.each(["relu", "relu6"] as const)("the gradient of %s passes where x is not a number", (activation) =>
  scope(() => {
    const x = channelsLast(fromArray(new Array(17).fill(Number.NaN), [1, 17, 1, 1], "float32")).requireGradient();
    const channels = (value: number) => fromArray(new Array(17).fill(value), [17], "float32");
    const norm = { scale: channels(1), shift: channels(0), runningMean: channels(0), runningVariance: channels(1) };
    const store = new GradientStore([x]);
    store.add(
      sum(batchNorm(x, { ...norm, residual: undefined, batch: false, factor: 0, epsilon: EPSILON, activation })),
    );
    const gradient = store.read()[0]!.toNumbers();
    store.clear();
    expect(Math.min(...gradient)).toBeGreaterThan(0.9);
  }),
);

test("batch statistics of one value for each channel are refused", () =>
  scope(() => {
    const x = channelsLast(fromArray([1, 2, 3], [1, 3, 1, 1], "float32"));
    const channels = (value: number) => fromArray([value, value, value], [3], "float32");
    const norm = { scale: channels(1), shift: channels(0), runningMean: channels(0), runningVariance: channels(1) };
    const options = {
      residual: undefined,
      batch: true,
      factor: 0.1,
      epsilon: EPSILON,
      activation: "identity",
    } as const;
    expect(() => batchNorm(x, { ...norm, ...options })).toThrow(/more than one value/);
  }));

const SHAPES = [
  [2, 16, 4, 4],
  [3, 1, 5, 3],
  [1, 3, 7, 5],
  [2, 17, 3, 3],
  [40, 33, 1, 1],
  [1, 40, 9, 11],
  [5, 144, 6, 7],
  [2, 2, 2, 5],
] as const;

const settings = SHAPES.flatMap((shape) =>
  (["identity", "relu", "silu", "relu6"] as const).flatMap((activation) =>
    [true, false].flatMap((batch) =>
      // No network has relu6 after a residual; below it is compared in float32 alone, because libtorch rounds in between.
      (activation === "relu6" ? [false] : [true, false]).map((residual) => ({ shape, activation, batch, residual })),
    ),
  ),
);

describe("batch norm kernel", () => {
  test.each(settings)("$shape $activation, batch $batch, residual $residual", (setting) => {
    const expected = run(setting, "float64");
    // A residual before silu goes through libtorch's operators, which round to bfloat16 in between.
    const composed = setting.residual && setting.activation === "silu";
    for (const [dtype, bound] of [
      ["float32", 1e-5],
      ["bfloat16", composed ? 4e-2 : 1e-2],
    ] as const) {
      const actual = run(setting, dtype);
      for (const [name, numbers] of Object.entries(expected)) {
        expect(difference(actual[name], numbers), `${dtype} ${name}`).toBeLessThan(bound);
      }
    }
  });

  const setting = { shape: [3, 24, 6, 5], activation: "silu", batch: true, residual: false } as const;

  test("relu6 is cut at both ends, and neither end has a gradient", () => {
    const { y, gradX } = run({ ...setting, activation: "relu6", batch: false }, "float32");
    const identity = run({ ...setting, activation: "identity", batch: false }, "float32");
    expect(y).toEqual(identity.y.map((value) => Math.min(Math.max(value, 0), 6)));
    expect(gradX).toEqual(identity.gradX.map((value, i) => (identity.y[i] > 0 && identity.y[i] < 6 ? value : 0)));
    for (const end of [0, 6]) expect(y.filter((value) => value === end).length).toBeGreaterThan(10);
    const added = { ...setting, activation: "relu6", residual: true } as const;
    const expected = run(added, "float64");
    for (const [name, numbers] of Object.entries(run(added, "float32"))) {
      expect(difference(numbers, expected[name]), name).toBeLessThan(1e-5);
    }
  });

  test("strided views give what their copies give", () => {
    const expected = run(setting, "float64", { view: true });
    const actual = run(setting, "float32", { view: true });
    for (const [name, numbers] of Object.entries(expected))
      expect(difference(actual[name], numbers)).toBeLessThan(1e-5);
  });

  test.each([true, false])("frozen parameters change no other gradient, batch %s", (batch) => {
    const { gradScale, gradShift, ...expected } = run({ ...setting, batch }, "float32");
    expect(run({ ...setting, batch }, "float32", { frozen: true })).toEqual(expected);
    expect(gradScale.length + gradShift.length).toBe(48);
  });

  test("the number of threads changes nothing", () => {
    const large = { ...setting, shape: [8, 24, 32, 32] } as const;
    setThreads(1);
    const one = run(large, "float32");
    setThreads(2);
    expect(run(large, "float32")).toEqual(one);
    setThreads(1);
  });

  test("NaN and infinity stay visible", () => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const x = channelsLast(cast(fromArray([Number.NaN, ...new Array(31).fill(1)], [1, 2, 4, 4]), dtype));
      const one = fromArray([1, 1]);
      const statistics = { runningMean: fromArray([0, 0]), runningVariance: one, batch: false, factor: 0, epsilon: 0 };
      for (const activation of ["identity", "silu", "relu6"] as const) {
        const y = batchNorm(x, { scale: one, shift: one, ...statistics, residual: undefined, activation });
        expect(y.toNumbers()[0]).toBeNaN();
        expect(y.toNumbers()[1]).toBeGreaterThan(1.7);
      }
    }
  });
});
