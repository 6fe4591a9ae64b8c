/** The native keyed draws are those of src/random.ts, bit for bit. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedRandom, Purpose } from "../../../src/random.js";
import { fromArray, scope } from "../../../src/tensor/index.js";
import { keyedIntegers, keyedUniform, reshape } from "../../../src/tensor/operators.js";
import { error } from "../../support/errors.js";

const word = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const key = fc.record({
  seed: fc.oneof(fc.nat(5), fc.maxSafeNat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1)),
  epoch: word,
  purpose: fc.integer({ min: 0, max: 255 }),
  stream: fc.nat(2 ** 24 - 1),
});
const samples = fc.array(word, { maxLength: 5 });
const tensorOf = (values: readonly number[]) => fromArray(values, [values.length], "int64");

describe("keyedUniform", () => {
  test.each(["float32", "float64"] as const)("in %s, of any shape; three dimensions are channels-last", (dtype) => {
    const shapes = fc.array(fc.nat(7), { maxLength: 4 });
    fc.assert(
      fc.property(key, samples, shapes, (k, ids, shape) =>
        scope(() => {
          const result = keyedUniform(tensorOf(ids), shape, k, dtype);
          expect(result).toMatchObject({ shape: [ids.length, ...shape], dtype });
          if (shape.length === 3 && result.size > 0) expect(result.strides[1]).toBe(1);
          const count = shape.reduce((a, b) => a * b, 1);
          const expected = ids.flatMap((id) => {
            const random = new KeyedRandom(k.seed, k.purpose, k.epoch, id, k.stream);
            return Array.from({ length: count }, (_, j) => random.uniform(j));
          });
          expect(result.toNumbers()).toEqual(expected);
        }),
      ),
      { numRuns: 200 },
    );
  });

  test("takes samples from any strides", () => {
    const ids = reshape(tensorOf([1, 2, 3, 4]), [4]);
    const [, , third] = keyedUniform(ids, [1], { seed: 5, epoch: 0, purpose: 1 }).toNumbers();
    expect(third).toBe(new KeyedRandom(5, 1, 0, 3).uniform(0));
  });
});

test("keyedIntegers", () => {
  const bounds = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2 ** 31 }));
  fc.assert(
    fc.property(key, samples, bounds, word, (k, ids, bound, draw) =>
      scope(() => {
        const expected = ids.map((id) =>
          new KeyedRandom(k.seed, k.purpose, k.epoch, id, k.stream).integer(draw, bound),
        );
        expect(keyedIntegers(tensorOf(ids), bound, k, draw).toNumbers()).toEqual(expected);
      }),
    ),
    { numRuns: 300 },
  );
});

describe("keys outside of their range are refused rather than wrapped", () => {
  const good = { seed: 1, epoch: 0, purpose: Purpose.dropout, stream: 0 };
  test.each([
    [{ seed: -1 }, /seed must not be negative; got -1/],
    [{ seed: 2 ** 53 }, /seed must be a safe integer/],
    [{ epoch: -1 }, /epoch must be in \[0, 2\^32\); got -1/],
    [{ epoch: 2 ** 32 }, /epoch must be in/],
    [{ purpose: 256 }, /purpose must be in \[0, 256\); got 256/],
    [{ stream: 2 ** 24 }, /stream must be in \[0, 2\^24\)/],
    [{ stream: -1 }, /stream must be in/],
  ])("%j", (change, message) => {
    expect(() => keyedUniform(tensorOf([0]), [1], { ...good, ...change })).toThrow(message);
    expect(() => keyedIntegers(tensorOf([0]), 2, { ...good, ...change })).toThrow(message);
  });

  test("samples, draws, bounds, dtypes", () => {
    const one = tensorOf([0]);
    for (const bad of [-1, 2 ** 32]) {
      expect(() => keyedUniform(tensorOf([0, bad]), [1], good)).toThrow(
        error("ERR_LIBTORCH", /a sample must be in \[0, 2\^32\)/),
      );
      expect(() => keyedIntegers(one, 2, good, bad)).toThrow(error("ERR_LIBTORCH", /draw must be in \[0, 2\^32\)/));
    }
    for (const bad of [0, -1, 2 ** 31 + 1]) expect(() => keyedIntegers(one, bad, good)).toThrow(/bound must be in/);
    expect(() => keyedUniform(fromArray([0]), [1], good)).toThrow(/samples must be a 1-D int64 tensor/);
    expect(() => keyedUniform(fromArray([0], [1, 1], "int64"), [1], good)).toThrow(/1-D int64/);
    expect(() => keyedUniform(one, [-1], good)).toThrow(error("ERR_LIBTORCH", /negative/));
    expect(() => keyedUniform(one, [1], good, "int64")).toThrow(error("ERR_LIBTORCH", /not implemented/));
  });
});
