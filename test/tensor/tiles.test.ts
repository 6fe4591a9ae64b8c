import { beforeAll, describe, expect, test } from "vitest";
import { callAny, fromArray, scope, type Tensor } from "../../src/tensor/index.js";
import { cast } from "../../src/tensor/operators.js";
import { canEmulate, loadEmulation } from "../support/emulated.js";

/** Numbers in [-1, 1), many of which bfloat16 has to round. */
const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 2654435761 * seed) >> 8) / 2 ** 23);

// A processor that has tile registers uses them in every product of bfloat16 matrices, and all tests of those with it.
describe.skipIf(!canEmulate)("products by tile registers, emulated", () => {
  beforeAll(loadEmulation, 300_000);

  test.each([
    [1, 2, 1],
    [16, 16, 16],
    [15, 30, 17],
    [17, 34, 8],
    [33, 40, 40],
    [100, 96, 24],
    [49, 144, 33],
    [20, 7, 5], // an odd depth is multiplied pair by pair
  ])("of [%i, %i] with as many rows and %i columns", (rows, depth, columns) => {
    scope(() => {
      const halves = (values: Float32Array, shape: number[]) => cast(fromArray(values, shape), "bfloat16");
      const left = halves(numbers(rows * depth, 1), [rows, depth]);
      const right = fromArray(numbers(depth * columns, 3), [depth, columns]);
      const [a, b] = [left.toNumbers(), halves(numbers(depth * columns, 3), [depth, columns]).toNumbers()];
      const expected = Array.from({ length: rows * columns }, (_, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        let sum = 0;
        for (let k = 0; k < depth; k++) sum += a[row * depth + k] * b[k * columns + column];
        return sum;
      });
      for (const [operator, bound] of [
        ["tile_product", 1e-5],
        ["tile_product_of_panels", 1e-2],
      ] as const) {
        const actual = (callAny(`advprop_emulated::${operator}`, [left, right]) as Tensor).toNumbers();
        actual.forEach((value, i) => {
          expect(Math.abs(value - expected[i]), `${operator}, number ${i}`).toBeLessThan(bound * Math.sqrt(depth));
        });
      }
    });
  });
});
