import { beforeAll, describe, test } from "vitest";
import { callAny, scope, type Tensor } from "../../../src/tensor/index.js";
import { cast, channelsLast, permute, reshape } from "../../../src/tensor/operators.js";
import { callUntyped } from "../../support/call.js";
import { canEmulate, expectClose, loadEmulation, normal } from "../../support/emulated.js";

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
      const expected = callUntyped("aten::matmul", [cast(left, "float64"), cast(right, "float64")]).toNumbers();
      for (const [operator, bound] of [
        ["tile_product", 1e-5],
        ["tile_product_of_panels", 1e-2],
      ] as const) {
        const product = callAny(`advprop_emulated::${operator}`, [left, right]) as Tensor;
        expectClose([product.toNumbers()], [expected], bound, operator);
      }
    });
  });

  test.each([
    [1, 16, 16, 4],
    [3, 24, 96, 7], // an odd number of pixels, and a row of tiles that is not full
    [2, 96, 24, 18], // more pixels than a block has, and the narrow factor is the gradient
    [1, 33, 5, 1], // one pixel
    [5, 112, 130, 17], // several parts
  ])("of a 1x1 weight's gradient: %i images, %i to %i channels, side %i", (images, inputs, outputs, side) => {
    scope(() => {
      const x = channelsLast(normal([images, inputs, side, side], 1, "bfloat16"));
      const gradient = channelsLast(normal([images, outputs, side, side], 2, "bfloat16"));
      const pixelsOf = (of: Tensor) => reshape(permute(cast(of, "float64"), [1, 0, 2, 3]), [of.shape[1], -1]);
      const expected = callUntyped("aten::matmul", [
        pixelsOf(gradient),
        callUntyped("aten::t", [pixelsOf(x)]),
      ]).toNumbers();
      const result = callAny("advprop_emulated::tile_weight_gradient", [gradient, x]) as Tensor;
      expectClose([result.toNumbers()], [expected], 1e-5, "weight gradient");
    });
  });
});
