import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InMemoryDataset } from "../../../src/data/datasets/dataset.js";
import { limitPrefix, splitValidation, subset } from "../../../src/data/datasets/subset.js";
import { Purpose, permutation } from "../../../src/random.js";
import { makeDataset } from "../../support/datasets.js";
import { codedError } from "../../support/errors.js";

describe("InMemoryDataset", () => {
  test("returns views of its pixels", () => {
    const pixels = Uint8Array.from({ length: 2 * 6 }, (_, i) => i);
    const dataset = new InMemoryDataset({
      name: "tiny",
      classes: ["a", "b"],
      height: 1,
      width: 2,
      labels: Int32Array.of(1, 0),
      pixels,
    });
    expect([...dataset.pixels(1)]).toEqual([6, 7, 8, 9, 10, 11]);
    expect(dataset.pixels(1).buffer).toBe(pixels.buffer);
    expect([...dataset.samples]).toEqual([0, 1]);
  });

  test("refuses pixels and labels that do not fit", () => {
    const contents = { name: "tiny", classes: ["a", "b"], height: 1, width: 2 };
    const short = codedError(
      () => new InMemoryDataset({ ...contents, labels: Int32Array.of(0, 1), pixels: new Uint8Array(11) }),
    );
    expect(short.code).toBe("ERR_DATA_SHAPE");
    expect(short.message).toContain("need 12 bytes of pixels (N, H, W, 3); got 11");
    for (const bad of [-1, 2]) {
      const error = codedError(
        () => new InMemoryDataset({ ...contents, labels: Int32Array.of(0, bad), pixels: new Uint8Array(12) }),
      );
      expect(error.code).toBe("ERR_DATA_LABEL");
      expect(error.message).toContain(`got ${bad} at index 1`);
    }
  });
});

describe("subset", () => {
  test("of a subset keeps labels, pixels and identities together", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fc.nat(1000)), (length, stream) => {
        const dataset = makeDataset({ length, classes: 3 });
        const draw = (bound: number) => (stream.next().value as number) % bound;
        const outer = subset(
          dataset,
          Array.from({ length: 1 + draw(10) }, () => draw(length)),
        );
        const inner = subset(
          outer,
          Array.from({ length: draw(10) }, () => draw(outer.length)),
        );
        for (let i = 0; i < inner.length; i++) {
          const sample = inner.samples[i];
          expect(inner.labels[i]).toBe(dataset.labels[sample]);
          expect(inner.pixels(i)).toEqual(dataset.pixels(sample));
        }
      }),
    );
  });

  test.each([-1, 5, 0.5, Number.NaN])("refuses the index %s", (bad) => {
    const error = codedError(() => subset(makeDataset({ length: 5, classes: 2 }), [0, bad]));
    expect(error.code).toBe("ERR_DATA_INDEX");
    expect(error.message).toContain(`got ${bad}`);
  });
});

describe("limitPrefix", () => {
  test("keeps the first samples, and the whole set where it is shorter", () => {
    const dataset = makeDataset({ length: 5, classes: 2 });
    expect([...limitPrefix(dataset, 3).samples]).toEqual([0, 1, 2]);
    expect(limitPrefix(dataset, 5)).toBe(dataset);
    expect(limitPrefix(dataset, 9)).toBe(dataset);
  });

  test.each([0, -1, 1.5])("refuses the limit %s", (bad) => {
    expect(codedError(() => limitPrefix(makeDataset({ length: 5, classes: 2 }), bad)).code).toBe("ERR_DATA_LIMIT");
  });
});

describe("splitValidation", () => {
  const fractions = fc.double({ min: 0.05, max: 0.95, noNaN: true });

  test("puts each sample into one part, stratified, with the total rounded", () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 120 }), fractions, fc.nat(), (length, fraction, seed) => {
        const dataset = makeDataset({ length, classes: 4 });
        const { train, validation } = splitValidation(dataset, fraction, seed);
        expect(validation.length).toBe(Math.round(length * fraction));
        expect([...train.samples, ...validation.samples].sort((a, b) => a - b)).toEqual([...dataset.samples]);
        expect([...train.samples]).toEqual([...train.samples].sort((a, b) => a - b));
        for (let label = 0; label < 4; label++) {
          const count = (labels: Int32Array) => labels.filter((other) => other === label).length;
          const share = (count(dataset.labels) * validation.length) / length;
          expect(Math.abs(count(validation.labels) - share)).toBeLessThan(1);
        }
      }),
    );
  });

  test("depends on the seed and the identities, not on the order", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, shuffle) => {
        const dataset = makeDataset({ length: 60, classes: 3 });
        const shuffled = subset(dataset, permutation(shuffle, Purpose.order, 0, 60));
        const chosen = (part: { samples: Uint32Array }) => [...part.samples].sort((a, b) => a - b);
        const { validation } = splitValidation(dataset, 0.3, seed);
        expect(chosen(splitValidation(shuffled, 0.3, seed).validation)).toEqual(chosen(validation));
        expect(chosen(splitValidation(dataset, 0.3, seed + 1).validation)).not.toEqual(chosen(validation));
      }),
    );
  });

  test.each([0, 1, -0.1, Number.NaN, 0.01])("refuses the fraction %s of ten images", (bad) => {
    const error = codedError(() => splitValidation(makeDataset({ length: 10, classes: 2 }), bad, 0));
    expect(error.code).toBe("ERR_VALIDATION_FRACTION");
  });

  test("suggests a fraction where a percentage is given", () => {
    const error = codedError(() => splitValidation(makeDataset({ length: 10, classes: 2 }), 10, 0));
    expect(error.message).toContain("Did you mean 0.1?");
  });
});
