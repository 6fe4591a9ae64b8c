/** The sign-flip test against hand counts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { signFlipTest } from "../../src/evaluation/statistics/sign-flip.js";
import { codedError } from "../support/errors.js";

test.each([
  // All differences have one sign: only the two extreme patterns are as far from zero.
  [[1, 2, 3], 2 / 8],
  [[1, 1, 1, 1, 1, 1], 2 / 64],
  // 1 + 2 - 3 = 0: every pattern is at least as far from zero.
  [[1, 2, -3], 1],
  // Of +-1 +-4 the absolute sums are 5 and 3. Of +-1 +-2 +-4 they are 7 5 3 1, so that six of eight patterns have 3 or more.
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

test("refuses an empty list and too many differences", () => {
  for (const count of [0, 21]) {
    expect(codedError(() => signFlipTest(new Array(count).fill(1))).code).toBe("ERR_SEEDS");
  }
});
