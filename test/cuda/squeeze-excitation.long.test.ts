/** The CUDA kernels of squeeze and excitation and of the global average, emulated, against libtorch's operators in float64. */
import { beforeAll, describe, expect, test } from "vitest";
import { type DType, scope, type Tensor } from "../../src/tensor/index.js";
import { averagePool, squeezeExcitation } from "../../src/tensor/operators.js";
import {
  canEmulate,
  emulated,
  expectClose,
  inBothOrders,
  loadEmulation,
  normal,
  withGradients,
} from "../support/emulated.js";

type Shape = readonly [images: number, channels: number, height: number, width: number];

/** The result and the gradients of a weighted sum of it. Parameters are float32 unless x is float64. */
function run(shape: Shape, dtype: DType, squeezed: number | "pooled", frozen: boolean): number[][] {
  return scope(() => {
    const wide = dtype === "float64" ? "float64" : "float32";
    const channels = shape[1];
    const x = normal(shape, 1, dtype).requireGradient();
    const leaves = [x];
    let y: Tensor;
    if (squeezed === "pooled") y = averagePool(x);
    else {
      const parameters = [
        normal([squeezed, channels, 1, 1], 2, wide),
        normal([squeezed], 3, wide),
        normal([channels, squeezed, 1, 1], 4, wide),
        normal([channels], 5, wide),
      ] as const;
      if (!frozen) leaves.push(...parameters.map((parameter) => parameter.requireGradient()));
      y = squeezeExcitation(x, ...parameters);
    }
    return withGradients(y, normal(y.shape, 9, wide), leaves);
  });
}

const SHAPES: readonly Shape[] = [
  [2, 16, 3, 5],
  [3, 7, 4, 4],
  [1, 1, 1, 1],
  // More channels than a block has, more rows than its threads take at once.
  [2, 296, 2, 2],
  [2, 8, 40, 61],
];

describe.skipIf(!canEmulate)("squeeze and excitation on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  describe.each([
    ["float32", 1e-5],
    ["bfloat16", 1e-2],
  ] as const)("in %s", (dtype, bound) => {
    test.each(SHAPES)("[%i, %i, %i, %i]", (...shape) => {
      for (const squeezed of [1, 4, "pooled"] as const) {
        for (const frozen of squeezed === "pooled" ? [false] : [false, true]) {
          const [actual, expected] = [
            emulated(() => run(shape, dtype, squeezed, frozen)),
            run(shape, "float64", squeezed, frozen),
          ];
          expectClose(actual, expected, bound, `${squeezed}`);
        }
      }
    });
  });

  test("no result depends on the order of threads and blocks", () => {
    const [rising, falling] = inBothOrders(() => emulated(() => run([2, 296, 3, 5], "float32", 4, false)));
    expect(falling).toEqual(rising);
  });
});
