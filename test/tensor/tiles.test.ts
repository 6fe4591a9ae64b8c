import { beforeAll, describe, test } from "vitest";
import { call, callAny, scope, type Tensor } from "../../src/tensor/index.js";
import { cast } from "../../src/tensor/operators.js";
import { canEmulate, expectClose, loadEmulation, normal } from "../support/emulated.js";

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
      const [left, right] = [normal([rows, depth], 1, "bfloat16"), normal([depth, columns], 2, "float32")];
      const expected = call("aten::matmul", [cast(left, "float64"), cast(right, "float64")]).toNumbers();
      for (const [operator, bound] of [
        ["tile_product", 1e-5],
        ["tile_product_of_panels", 1e-2],
      ] as const) {
        const product = callAny(`advprop_emulated::${operator}`, [left, right]) as Tensor;
        expectClose([product.toNumbers()], [expected], bound, operator);
      }
    });
  });
});
