import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../src/nn/loss.js";
import { fromArray } from "../../src/tensor/index.js";
import { mean, sum } from "../../src/tensor/operators.js";
import { codedError } from "../support/errors.js";

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

  test.each([-0.1, 1, Number.NaN])("smoothing %d is refused", (smoothing) => {
    expect(codedError(() => crossEntropy(logits, labels, smoothing))).toMatchObject({
      code: "ERR_LABEL_SMOOTHING",
      message: `crossEntropy: smoothing must be in [0, 1); got ${smoothing}`,
    });
  });

  test("a label that is no class is an error, not a read outside of the logits", () => {
    for (const label of [3, -1]) {
      expect(() => crossEntropy(logits, fromArray([0, label], [2], "int64"))).toThrow(/out of bounds/);
    }
  });
});
