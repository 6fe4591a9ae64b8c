/** Squeeze and excitation and the global average against libtorch's operators in float64, values and gradients. */
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
import { averagePool, cast, channelsLast, mul, squeezeExcitation, sum } from "../../../src/tensor/operators.js";

function values(count: number, stream: number): number[] {
  const random = new KeyedRandom(5, 1, 0, 0, stream);
  return Array.from({ length: count }, (_, i) => random.normal(i));
}

type Shape = readonly [number, number, number, number];

/** x as both dtypes can hold it, channels-last. */
function images([n, c, h, w]: Shape, dtype: DType, stream = 1): Tensor {
  const rounded = cast(cast(fromArray(values(n * c * h * w, stream), [n, h, w, c]), "bfloat16"), dtype);
  return channelsLast(call("aten::permute", [rounded, [0, 3, 1, 2]]));
}

/** The gradients of a weighted sum of what a function of the leaves gives, and its values. */
function run(shape: Shape, dtype: DType, make: (x: Tensor, wide: DType) => { y: Tensor; leaves: Tensor[] }) {
  return scope(() => {
    const wide = dtype === "float64" ? "float64" : "float32";
    const x = images(shape, dtype).requireGradient();
    const { y, leaves } = make(x, wide);
    const store = new GradientStore(leaves);
    const weights = cast(fromArray(values(y.size, 9), y.shape), wide);
    store.add(sum(mul(cast(y, wide), weights)));
    const gradients = store.read().map((gradient) => gradient?.toNumbers() ?? []);
    store.clear();
    return [y.toNumbers(), ...gradients];
  });
}

const gated =
  (squeezed: number, frozen = false) =>
  (x: Tensor, wide: DType) => {
    const channels = x.shape[1];
    const parameter = (shape: number[], stream: number) =>
      cast(
        fromArray(
          values(
            shape.reduce((product, length) => product * length, 1),
            stream,
          ),
          shape,
        ),
        wide,
      );
    const parameters = [
      parameter([squeezed, channels, 1, 1], 2),
      parameter([squeezed], 3),
      parameter([channels, squeezed, 1, 1], 4),
      parameter([channels], 5),
    ] as const;
    if (!frozen) for (const tensor of parameters) tensor.requireGradient();
    return { y: squeezeExcitation(x, ...parameters), leaves: [x, ...(frozen ? [] : parameters)] };
  };

const pooled = (x: Tensor) => ({ y: averagePool(x), leaves: [x] });

function expectClose(actual: readonly (readonly number[])[], expected: readonly (readonly number[])[], bound: number) {
  expect(actual.length).toBe(expected.length);
  expected.forEach((numbers, k) => {
    expect(actual[k].length).toBe(numbers.length);
    const largest = Math.max(1, ...numbers.map(Math.abs));
    const most = Math.max(...numbers.map((value, i) => Math.abs(value - actual[k][i])));
    expect(most / largest, `result ${k}`).toBeLessThan(bound);
  });
}

const SHAPES: readonly Shape[] = [
  [2, 16, 4, 4],
  [3, 1, 5, 3],
  [1, 3, 7, 5],
  [2, 17, 3, 3],
  [40, 33, 1, 1],
  [2, 40, 9, 11],
  [3, 144, 6, 7],
  [1, 64, 33, 35],
];

describe.each(SHAPES)("[%i, %i, %i, %i]", (...shape) => {
  test.each([
    ["float32", 1e-5],
    ["bfloat16", 1e-2],
  ] as const)("%s", (dtype, bound) => {
    expectClose(run(shape, dtype, gated(5)), run(shape, "float64", gated(5)), bound);
    expectClose(run(shape, dtype, pooled), run(shape, "float64", pooled), bound);
  });
});

test("an attack's gradient is the same without those of the parameters", () => {
  const [y, gradX] = run([2, 24, 5, 5], "float32", gated(6));
  expect(run([2, 24, 5, 5], "float32", gated(6, true))).toEqual([y, gradX]);
});

test("the number of threads changes nothing", () => {
  setThreads(1);
  const one = run([5, 48, 16, 16], "bfloat16", gated(4));
  setThreads(2);
  expect(run([5, 48, 16, 16], "bfloat16", gated(4))).toEqual(one);
  setThreads(1);
});
