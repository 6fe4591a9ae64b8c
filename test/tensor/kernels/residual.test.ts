/** What residual blocks need beside their layers: a tensor for two branches, and the shortcut without parameters. */
import { describe, expect, test } from "vitest";
import {
  call,
  type DType,
  fromArray,
  GradientStore,
  gradientOf,
  scope,
  type Tensor,
} from "../../../src/tensor/index.js";
import {
  add,
  branch,
  cast,
  channelsLast,
  detach,
  keyedUniform,
  mul,
  paddingShortcut,
  sum,
} from "../../../src/tensor/operators.js";
import { callUntyped } from "../../support/call.js";
import { maxDifference } from "../../support/golden.js";

function draw(shape: readonly number[], stream: number, dtype: DType = "float32"): Tensor {
  const samples = fromArray(
    Array.from({ length: shape[0] }, (_, i) => i),
    [shape[0]],
    "int64",
  );
  return channelsLast(cast(keyedUniform(samples, shape.slice(1), { seed: 3, epoch: 0, purpose: 13, stream }), dtype));
}

/** Odd sizes, one channel, one pixel, lengths off the vector's. */
const SHAPES = [
  [1, 1, 1, 1],
  [2, 3, 5, 7],
  [2, 16, 4, 6],
  [3, 8, 9, 1],
];
const DTYPES = ["float32", "bfloat16", "float64"] as const;

describe("branch", () => {
  const gradient = (x: Tensor, u: Tensor, v: Tensor, read: (a: Tensor, b: Tensor) => readonly Tensor[]) => {
    const leaf = detach(x).requireGradient();
    const [a, b] = branch(leaf);
    const terms = read(a, b).map((one, i) => sum(cast(mul(mul(one, one), i === 0 ? u : v), "float64")));
    return gradientOf(
      terms.reduce((total, term) => add(total, term)),
      leaf,
    ).toNumbers();
  };

  test.each(SHAPES.flatMap((shape) => DTYPES.map((dtype) => [dtype, shape] as const)))(
    "adds the gradients of both, %s %j",
    (dtype, shape) =>
      scope(() => {
        const [x, u, v] = [0, 1, 2].map((stream) => draw(shape, stream, dtype));
        const [a, b, c] = [x, u, v].map((tensor) => tensor.toNumbers());
        const tolerance = dtype === "bfloat16" ? 4e-2 : 1e-6;
        const both = gradient(x, u, v, (one, other) => [one, other]);
        expect(
          maxDifference(
            both,
            a.map((value, i) => 2 * value * (b[i] + c[i])),
          ),
        ).toBeLessThan(tolerance);
        // Where one branch comes to nothing, and where both read one of the two tensors.
        const first = gradient(x, u, v, (one) => [one]);
        expect(
          maxDifference(
            first,
            a.map((value, i) => 2 * value * b[i]),
          ),
        ).toBeLessThan(tolerance);
        const second = gradient(x, u, v, (_, other) => [other, other]);
        expect(
          maxDifference(
            second,
            a.map((value, i) => 2 * value * (b[i] + c[i])),
          ),
        ).toBeLessThan(tolerance);
      }),
  );

  test("overwrites no gradient that something else holds", () =>
    scope(() => {
      // The sum's gradient is one tensor that both branches are given.
      const leaf = draw([2, 16, 4, 4], 0).requireGradient();
      const [a, b] = branch(mul(leaf, 1));
      const other = draw([2, 16, 4, 4], 1).requireGradient();
      const loss = sum(mul(add(add(a, b), other), draw([2, 16, 4, 4], 2)));
      const expected = draw([2, 16, 4, 4], 2).toNumbers();
      const store = new GradientStore([leaf, other]);
      store.add(loss);
      const [ofLeaf, ofOther] = store.read().map((gradient) => gradient?.toNumbers() ?? []);
      expect(ofOther).toEqual(expected);
      expect(
        maxDifference(
          ofLeaf,
          expected.map((value) => 2 * value),
        ),
      ).toBeLessThan(1e-6);
    }));

  test("is the tensor itself, in or out of a graph", () =>
    scope(() => {
      const x = draw([2, 3, 4, 4], 0);
      for (const one of branch(x)) expect(one.requiresGradient).toBe(false);
      for (const one of branch(draw([2, 3, 4, 4], 0).requireGradient())) {
        expect(one.requiresGradient).toBe(true);
        expect(one.toNumbers()).toEqual(x.toNumbers());
      }
    }));
});

describe("paddingShortcut", () => {
  const composed = (x: Tensor, stride: number, before: number, after: number) => {
    const rows = call("aten::slice.Tensor", [x, 2, 0, undefined, stride]);
    return callUntyped("aten::constant_pad_nd", [
      call("aten::slice.Tensor", [rows, 3, 0, undefined, stride]),
      [0, 0, 0, 0, before, after],
    ]);
  };

  test.each(
    SHAPES.flatMap((shape) =>
      DTYPES.flatMap((dtype) =>
        [
          [1, 2, 3],
          [2, 8, 8],
          [2, 0, 1],
          [3, 1, 0],
        ].map((sizes) => [dtype, shape, sizes] as const),
      ),
    ),
  )("is slices and zeros, and so is its gradient, %s %j %j", (dtype, shape, [stride, before, after]) =>
    scope(() => {
      const result = (x: Tensor, operator: typeof composed) => {
        const leaf = detach(x).requireGradient();
        const y = operator(leaf, stride, before, after);
        const weight = draw(y.shape, 1, dtype);
        return [y.toNumbers(), gradientOf(sum(mul(y, weight)), leaf).toNumbers()];
      };
      const x = draw(shape, 0, dtype);
      expect(result(x, paddingShortcut)).toEqual(result(x, composed));
      const wide = callUntyped("aten::constant_pad_nd", [x, [1, 1, 0, 0]]);
      const view = call("aten::slice.Tensor", [wide, 3, 1, 1 + shape[3]]);
      expect(paddingShortcut(view, stride, before, after).toNumbers()).toEqual(
        paddingShortcut(x, stride, before, after).toNumbers(),
      );
    }),
  );

  test("strides and paddings that make no sense are refused", () =>
    scope(() => {
      const x = draw([1, 2, 3, 3], 0);
      for (const [stride, before, after] of [
        [0, 1, 1],
        [1, -1, 1],
        [1, 1, -1],
      ]) {
        expect(() => paddingShortcut(x, stride, before, after)).toThrow(/at least 1 and no padding negative/);
      }
    }));
});
