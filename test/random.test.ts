import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkSeed, KeyedRandom, Purpose, permutation, philox4x32 } from "../src/random.js";

/** Philox4x32-10 written from the paper with big integers, as slow and plain as can be. */
function philoxReference(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [x0, x1, x2, x3] = counter.map((word) => BigInt(word));
  let [k0, k1] = key.map((word) => BigInt(word));
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * x0;
    const product1 = 0xcd9e8d57n * x2;
    [x0, x1, x2, x3] = [(product1 >> 32n) ^ x1 ^ k0, product1 & mask, (product0 >> 32n) ^ x3 ^ k1, product0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [x0, x1, x2, x3].map(Number);
}

const word = fc.integer({ min: 0, max: 0xffffffff });
const seed = fc.maxSafeNat();
const purpose = fc.constantFrom(...Object.values(Purpose));

describe("philox4x32", () => {
  // kat_vectors of Random123, the authors' distribution.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)("gives the published block of counter %j", (counter, key, expected) => {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    expect([...out]).toEqual(expected);
  });

  test("equals the reference in big integers everywhere", () => {
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        const out = new Uint32Array(4);
        philox4x32(counter, key, out);
        expect([...out]).toEqual(philoxReference(counter, key));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("KeyedRandom", () => {
  test("lays key and counter out as documented", () => {
    fc.assert(
      fc.property(seed, purpose, word, word, fc.nat(0xffffff), word, (s, p, epoch, sample, stream, draw) => {
        const counter = [draw >>> 2, sample, epoch, p + 256 * stream];
        const key = [Number(BigInt(s) & 0xffffffffn), Number(BigInt(s) >> 32n)];
        const expected = philoxReference(counter, key)[draw & 3];
        expect(new KeyedRandom(s, p, epoch, sample, stream).uint32(draw)).toBe(expected);
      }),
    );
  });

  test("addresses draws: the order of asking changes nothing", () => {
    fc.assert(
      fc.property(seed, fc.array(fc.nat(50)), (s, draws) => {
        const shared = new KeyedRandom(s, Purpose.crop);
        for (const draw of draws) expect(shared.uint32(draw)).toBe(new KeyedRandom(s, Purpose.crop).uint32(draw));
      }),
    );
  });

  test("uniform is a float32 in [0, 1), integer is the exact floor, normal is Box-Muller", () => {
    fc.assert(
      fc.property(seed, fc.nat(1000), fc.integer({ min: 1, max: 0xffffffff }), (s, draw, bound) => {
        const random = new KeyedRandom(s, Purpose.attackStart, 3, 4);
        const uniform = random.uniform(draw);
        expect(uniform).toBe(Math.fround(uniform));
        expect(uniform >= 0 && uniform < 1).toBe(true);
        expect(uniform).toBe(Math.floor(random.uint32(draw) / 256) / 2 ** 24);
        expect(random.integer(draw, bound)).toBe(Number((BigInt(random.uint32(draw)) * BigInt(bound)) >> 32n));
        const u1 = random.uniform(2 * draw) + 2 ** -24;
        const u2 = random.uniform(2 * draw + 1);
        expect(random.normal(draw)).toBeCloseTo(Math.sqrt(-2 * Math.log(u1)) * Math.cos(2 * Math.PI * u2), 12);
      }),
    );
  });

  test("has the moments of its distributions", () => {
    const count = 40_000;
    const random = new KeyedRandom(7, Purpose.attackStart);
    const moments = (draw: (j: number) => number) => {
      const values = Array.from({ length: count }, (_, j) => draw(j));
      const mean = values.reduce((sum, value) => sum + value, 0) / count;
      return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count };
    };
    // Five standard errors; the seed is fixed, so the test cannot flicker.
    const uniform = moments((j) => random.uniform(j));
    expect(Math.abs(uniform.mean - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(uniform.variance - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / count));
    const normal = moments((j) => random.normal(j));
    expect(Math.abs(normal.mean)).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(normal.variance - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses the seed %s", (bad) => {
    const expected = expect.objectContaining({ code: "ERR_SEED", message: expect.stringContaining(`got ${bad}`) });
    expect(() => new KeyedRandom(bad, Purpose.crop)).toThrow(expected);
    expect(() => checkSeed(bad, "train")).toThrow(/^train: seed must be/);
  });

  test("no purpose shares its number with another, and all fit in a byte", () => {
    const values = Object.values(Purpose);
    expect(new Set(values).size).toBe(values.length);
    expect(Math.max(...values)).toBeLessThan(256);
  });
});

describe("permutation", () => {
  test("is a permutation, the same every time and another for another epoch", () => {
    fc.assert(
      fc.property(seed, fc.nat(100), fc.nat(300), (s, epoch, length) => {
        const order = permutation(s, Purpose.order, epoch, length);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
        expect(permutation(s, Purpose.order, epoch, length)).toEqual(order);
        if (length > 20) expect(permutation(s, Purpose.order, epoch + 1, length)).not.toEqual(order);
      }),
    );
  });

  test("gives every order of three elements equally often", () => {
    const counts = new Map<string, number>();
    const total = 6000;
    for (let epoch = 0; epoch < total; epoch++) {
      const name = permutation(1, Purpose.order, epoch, 3).join("");
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Chi-squared with 5 degrees of freedom is above 20.5 with probability 0.001.
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - total / 6) ** 2 / (total / 6), 0);
    expect(chiSquared).toBeLessThan(20.5);
  });
});
