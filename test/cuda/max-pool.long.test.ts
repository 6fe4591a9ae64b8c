/** The CUDA kernels of max pooling, emulated, against libtorch's in float64. */
import { beforeAll, describe, expect, test } from "vitest";
import { KeyedRandom } from "../../src/random.js";
import { type DType, fromArray, scope } from "../../src/tensor/index.js";
import { cast, maxPool2d, permute } from "../../src/tensor/operators.js";
import { canEmulate, emulated, expectClose, inBothOrders, loadEmulation, withGradients } from "../support/emulated.js";

type Shape = readonly [number, number, number, number];

/** Half of the values are equal zeros, as behind a rectifier; `damaged` are NaN. */
function run([n, c, h, w]: Shape, [size, stride, padding]: readonly number[], dtype: DType, damaged = 0): number[][] {
  return scope(() => {
    const wide = dtype === "float64" ? "float64" : "float32";
    const random = new KeyedRandom(5, 1, 0, 0, 1);
    const values = Array.from({ length: n * c * h * w }, (_, i) => Math.max(0, random.normal(i)));
    values.fill(Number.NaN, 0, damaged);
    const x = permute(cast(cast(fromArray(values, [n, h, w, c]), "bfloat16"), dtype), [0, 3, 1, 2]).requireGradient();
    const y = maxPool2d(x, size, stride, padding);
    const slopes = fromArray(
      Array.from({ length: y.size }, (_, i) => (i % 7) - 2),
      y.shape,
      wide,
    );
    return withGradients(y, slopes, [x]);
  });
}

describe.skipIf(!canEmulate)("max pooling on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  test.each([
    [
      [2, 16, 8, 9],
      [3, 2, 1],
    ],
    [
      [1, 5, 7, 6],
      [3, 2, 1],
    ],
    [
      [2, 8, 5, 5],
      [2, 2, 0],
    ],
    [
      [1, 8, 4, 4],
      [3, 1, 1],
    ],
    [
      [1, 3, 1, 1],
      [1, 1, 0],
    ],
  ] as const)("%j by windows of %j", (shape, windows) => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const [actual, expected] = [emulated(() => run(shape, windows, dtype)), run(shape, windows, "float64")];
      expectClose(actual, expected, 1e-2, dtype);
    }
  });

  test("NaN stays visible, and no result depends on the order of threads and blocks", () => {
    const windows = [3, 2, 1];
    const [rising, falling] = inBothOrders(() => emulated(() => run([2, 8, 6, 5], windows, "float32", 9)));
    expect(falling).toEqual(rising);
    expect(rising[0].map(Number.isNaN)).toEqual(run([2, 8, 6, 5], windows, "float64", 9)[0].map(Number.isNaN));
    expect(rising[0].some(Number.isNaN)).toBe(true);
  });
});
