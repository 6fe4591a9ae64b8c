/** What the tests of both forms of the inverted residual share: the blocks and images that they go through. */
import { expect, test } from "vitest";
import { fromArray, scope, type Tensor } from "../../src/tensor/index.js";
import { cast, permute, rows } from "../../src/tensor/operators.js";
import { random } from "./convolutions.js";

export interface Case {
  readonly inputs: number;
  /** Expanded channels; without an expansion those of x. */
  readonly expanded?: number;
  readonly outputs?: number;
  readonly squeezed?: number;
  readonly size?: number;
  readonly stride?: number;
  readonly residual?: boolean;
}

export type Ours = "float32" | "bfloat16";

/** Defines the tests that call `compare(x, block)` on inputs of every kind; batches of at least `images`, which may be one. */
export function testShapes(dtype: Ours, images: number, compare: (x: Tensor, parts: Case) => void): void {
  const check = (shape: readonly [number, number, number], parts: Case): void =>
    scope(() => compare(random([shape[0], parts.inputs, shape[1], shape[2]], 1, dtype), parts));

  test.each([
    [3, 1],
    [3, 2],
    [5, 1],
    [5, 2],
  ])("kernel %i at stride %i on every width up to 12, with and without an expansion", (size, stride) => {
    for (let width = 1; width <= 12; width++) {
      check([images + 1, 13 - width, width], { inputs: 16, expanded: 96, size, stride });
      check([images + 1, 13 - width, width], { inputs: 32, outputs: 16, size, stride });
    }
  });

  test("any channels: inputs, expanded and outputs off the vector, one of each", () => {
    for (const expanded of [1, 2, 15, 17, 31, 33, 47, 48, 49, 64, 65, 144]) check([2, 6, 5], { inputs: 24, expanded });
    for (const inputs of [1, 7, 16, 31, 33, 40])
      for (const outputs of [1, 8, 31, inputs]) check([images, 5, 6], { inputs, expanded: 50, outputs });
    for (const inputs of [1, 8, 31, 32, 33, 48]) check([2, 5, 5], { inputs });
    for (const squeezed of [1, 16, 20]) check([2, 4, 4], { inputs: 8, expanded: 48, squeezed });
  });

  test("more images than a unit, larger images", () => {
    for (const count of [7, 67]) check([count, 4, 4], { inputs: 16, expanded: 40, outputs: 24 });
    check([2, 33, 41], { inputs: 16, expanded: 96, outputs: 24, stride: 2 });
    check([1, 40, 40], { inputs: 24, expanded: 144, size: 5 });
    // So large that a panel is computed a few rows at a time.
    for (const stride of [1, 2]) check([1, 120, 110], { inputs: 8, expanded: 40, size: 5, stride });
    check([1, 120, 110], { inputs: 20 });
  });

  test("views with other strides and memory formats", () => {
    scope(() => {
      const x = random([4, 24, 7, 9], 1, dtype);
      const contiguous = cast(fromArray(x.toNumbers(), x.shape), dtype);
      expect(contiguous.strides).not.toEqual(x.strides);
      for (const view of [contiguous, permute(x, [0, 1, 3, 2]), rows(x, 1, 3)])
        compare(view, { inputs: 24, expanded: 80 });
    });
  });
}
