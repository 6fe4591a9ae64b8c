/** The sign-flip test, against counts by hand. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { signFlipTest } from "../../src/evaluation/statistics/sign-flip.js";
import { codedError } from "../support/errors.js";

test.each([
  // All of one sign: only the two extreme patterns are as far.
  [[1, 2, 3], 2 / 8],
  [[1, 1, 1, 1, 1, 1], 2 / 64],
  // 1 + 2 - 3 = 0: every pattern is at least as far.
  [[1, 2, -3], 1],
  // Sums of +-1 +-4: 5 and 3 in size; of +-1 +-2 +-4: 7 5 3 1, of which 3 or more in size are six of eight.
  [[-1, 4], 1],
  [[1, -2, 4], 6 / 8],
  [[0, 0], 1],
])("%j", (differences, p) => {
  expect(signFlipTest(differences)).toBeCloseTo(p, 12);
});

test("does not depend on sign, scale or order, and is never below 2^(1 - n)", () => {
  const differences = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(differences, (values) => {
      const p = signFlipTest(values);
      expect(signFlipTest(values.map((one) => -one))).toBe(p);
      expect(signFlipTest(values.map((one) => one * 4).reverse())).toBe(p);
      expect(p).toBeGreaterThanOrEqual(2 ** (1 - values.length));
      expect(p).toBeLessThanOrEqual(1);
    }),
  );
});

test("refuses none and too many", () => {
  for (const count of [0, 21]) {
    expect(codedError(() => signFlipTest(new Array(count).fill(1))).code).toBe("ERR_SEEDS");
  }
});
