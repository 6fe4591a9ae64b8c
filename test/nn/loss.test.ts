import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../src/nn/loss.js";
import { call, fromArray, gradientOf, scope } from "../../src/tensor/index.js";
import { cast, mean, mul, sum } from "../../src/tensor/operators.js";
import { callUntyped } from "../support/call.js";
import { codedError } from "../support/errors.js";
import { maxDifference } from "../support/golden.js";

const logits = fromArray([1, 2, 3, 0.5, -1, 0.25], [2, 3], "float64");
const labels = fromArray([2, 0], [2], "int64");

/** -sum_k target_k log softmax(logits)_k of one row. */
function reference(row: readonly number[], label: number, smoothing: number): number {
  const normalizer = Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
  return row.reduce((total, value, k) => {
    const target = (k === label ? 1 - smoothing : 0) + smoothing / row.length;
    return total - target * (value - normalizer);
  }, 0);
}

describe("crossEntropy", () => {
  test.each([0, 0.1, 0.9])("smoothing %d is the formula; mean, sum and none agree", (smoothing) => {
    const rows = [logits.toNumbers().slice(0, 3), logits.toNumbers().slice(3)];
    const each = crossEntropy(logits, labels, smoothing, "none");
    expect(each.shape).toEqual([2]);
    for (const [i, value] of each.toNumbers().entries()) {
      expect(value).toBeCloseTo(reference(rows[i], labels.toNumbers()[i], smoothing), 12);
    }
    expect(crossEntropy(logits, labels, smoothing).item()).toBeCloseTo(mean(each).item(), 12);
    expect(crossEntropy(logits, labels, smoothing, "sum").item()).toBeCloseTo(sum(each).item(), 12);
  });

  const sizes = [
    [1, 1],
    [1, 2],
    [3, 10],
    [5, 37],
    [2, 1000],
  ] as const;
  test.each(
    sizes.flatMap(([rows, classes]) =>
      (["mean", "sum", "none"] as const).flatMap((reduction) =>
        [0, 0.1].map((smoothing) => [rows, classes, reduction, smoothing] as const),
      ),
    ),
  )(
    "[%d, %d] in float32 is what it is in float64, and so is its gradient: %s, smoothing %d",
    (rows, classes, reduction, smoothing) =>
      scope(() => {
        const values = Float32Array.from({ length: rows * classes }, (_, i) => 8 * Math.sin(3 * i + 1));
        const target = fromArray(
          Array.from({ length: rows }, (_, i) => (7 * i) % classes),
          [rows],
          "int64",
        );
        const run = (dtype: "float32" | "float64") => {
          const z = cast(fromArray(values, [rows, classes]), dtype).requireGradient();
          const loss = crossEntropy(z, target, smoothing, reduction);
          // Unequal weights tell the rows of an unreduced loss apart.
          const weights = fromArray(
            Array.from({ length: loss.size }, (_, i) => 1 + i),
            loss.shape,
            dtype,
          );
          return [loss.toNumbers(), gradientOf(sum(mul(loss, weights)), z).toNumbers()];
        };
        const exact = run("float64");
        for (const [i, ours] of run("float32").entries()) expect(maxDifference(ours, exact[i])).toBeLessThan(1e-5);
      }),
  );

  test("logits of any strides and size, far apart, infinite or no numbers", () =>
    scope(() => {
      const z = fromArray(Float32Array.of(1, -2, 3e4, 5, 6, -3e4), [2, 3]);
      const target = fromArray([1, 2], [2], "int64");
      const across = callUntyped("aten::t", [call("aten::contiguous", [callUntyped("aten::t", [z])])]);
      expect(crossEntropy(z, target, 0, "none").toNumbers()).toEqual([
        30_002,
        Math.fround(30_006 + Math.log1p(Math.exp(-1))),
      ]);
      expect(crossEntropy(across, target, 0, "none").toNumbers()).toEqual(
        crossEntropy(z, target, 0, "none").toNumbers(),
      );
      const loss = (...row: number[]) => crossEntropy(fromArray(row, [1, 3]), fromArray([1], [1], "int64")).item();
      expect(loss(Number.NEGATIVE_INFINITY, 0, 0)).toBeCloseTo(Math.log(2), 6);
      expect(loss(0, Number.NEGATIVE_INFINITY, 0)).toBe(Number.POSITIVE_INFINITY);
      expect(loss(0, 1, Number.POSITIVE_INFINITY)).toBeNaN();
      expect(loss(0, 1, Number.NaN)).toBeNaN();
      expect(loss(Number.NaN, 1, 0)).toBeNaN();
    }));

  test.each([-0.1, 1, Number.NaN])("smoothing %d is refused", (smoothing) => {
    expect(codedError(() => crossEntropy(logits, labels, smoothing))).toMatchObject({
      code: "ERR_LABEL_SMOOTHING",
      message: `crossEntropy: smoothing must be in [0, 1); got ${smoothing}`,
    });
  });

  test("a label that is no class is an error, not a read outside of the logits", () => {
    for (const label of [3, -1]) {
      for (const z of [logits, cast(logits, "float32")]) {
        expect(() => crossEntropy(z, fromArray([0, label], [2], "int64"))).toThrow(/out of bounds/);
      }
    }
  });
});
