/** The CUDA kernels of the first convolution, emulated, against padding and libtorch's convolution in float64. */
import { beforeAll, describe, expect, test } from "vitest";
import { type DType, scope } from "../../src/tensor/index.js";
import { conv2d, type Padding } from "../../src/tensor/operators.js";
import {
  canEmulate,
  emulated,
  expectClose,
  inBothOrders,
  loadEmulation,
  normal,
  withGradients,
} from "../support/emulated.js";

interface Case {
  readonly images: readonly [count: number, height: number, width: number];
  readonly outputs: number;
  /** Of the kernel; 3 unless given. */
  readonly size?: number;
  readonly stride: number;
  readonly padding: Padding;
}

const sides = (left: number, right = left, top = left, bottom = right): Padding => ({ left, right, top, bottom });

const CASES: readonly Case[] = [
  { images: [2, 8, 8], outputs: 16, stride: 2, padding: sides(0, 1) },
  { images: [2, 7, 9], outputs: 8, stride: 2, padding: sides(1) },
  { images: [3, 5, 6], outputs: 16, stride: 1, padding: sides(1) },
  // No whole pack of channels; more than a block has; one pixel; uneven padding, and none.
  { images: [1, 6, 5], outputs: 5, stride: 2, padding: sides(0, 1) },
  { images: [1, 4, 3], outputs: 128, stride: 1, padding: sides(1) },
  { images: [2, 1, 1], outputs: 8, stride: 1, padding: sides(1) },
  { images: [1, 9, 7], outputs: 24, stride: 2, padding: sides(2, 0, 1, 3) },
  { images: [1, 6, 9], outputs: 8, stride: 1, padding: sides(0) },
  { images: [1, 6, 9], outputs: 8, stride: 2, padding: sides(0) },
  // As blocks of pixels.
  { images: [2, 16, 14], outputs: 8, size: 7, stride: 2, padding: sides(3) },
  { images: [1, 9, 13], outputs: 5, size: 7, stride: 2, padding: sides(2, 3) },
  { images: [1, 8, 7], outputs: 4, size: 7, stride: 2, padding: sides(0) },
];

function run(
  { images: [count, height, width], outputs, size = 3, stride, padding }: Case,
  dtype: DType,
  frozen: boolean,
) {
  return scope(() => {
    const wide = dtype === "float64" ? "float64" : "float32";
    const x = normal([count, 3, height, width], 1, dtype).requireGradient();
    const weight = normal([outputs, 3, size, size], 2, wide);
    const leaves = frozen ? [x] : [x, weight.requireGradient()];
    const y = conv2d(x, weight, { stride, padding });
    return withGradients(y, normal(y.shape, 3, wide), leaves);
  });
}

describe.skipIf(!canEmulate)("the first convolution on a GPU, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  describe.each([
    ["float32", 1e-5],
    ["bfloat16", 1e-2],
  ] as const)("in %s", (dtype, bound) => {
    test.each(CASES)("$images to $outputs, size $size, stride $stride, padding $padding", (given) => {
      for (const frozen of [false, true]) {
        const [actual, expected] = [emulated(() => run(given, dtype, frozen)), run(given, "float64", frozen)];
        // The weight's gradient is libtorch's, which on a CPU adds bfloat16 less exactly.
        expectClose(actual, expected, (i) => (i === 2 ? 2 * bound : bound));
      }
    });
  });

  test("no result depends on the order of threads and blocks", () => {
    const [rising, falling] = inBothOrders(() => emulated(() => run(CASES[1], "float32", true)));
    expect(falling).toEqual(rising);
  });
});
