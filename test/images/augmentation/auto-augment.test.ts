import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  applyOperation,
  autoAugment,
  drawOperations,
  type OperationName,
  POLICY_V0,
} from "../../../src/images/augmentation/auto-augment.js";
import type { RgbImage } from "../../../src/images/augmentation/auto-augment-operations.js";
import * as operations from "../../../src/images/augmentation/auto-augment-operations.js";
import { KeyedRandom, Purpose } from "../../../src/random.js";

const key = (sample: number, stream = 0) => new KeyedRandom(3, Purpose.augmentation, 1, sample, stream);

/** A picture of 40 x 30 pixels with all kinds of values. */
function picture(): RgbImage {
  const random = new KeyedRandom(1, Purpose.synthesis);
  return { pixels: Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => random.integer(i, 256)), height: 40, width: 30 };
}

function changed(change: (image: RgbImage) => void): Uint8Array {
  const image = picture();
  change(image);
  return image.pixels;
}

describe("drawOperations", () => {
  test("draws each pair equally often, and each operation with its probability", () => {
    const images = 50_000;
    const expected = new Map<string, number>();
    for (const [name, probability, level] of POLICY_V0.flat()) {
      const label = `${name} ${level}`;
      expected.set(label, (expected.get(label) ?? 0) + (images * probability) / POLICY_V0.length);
    }
    const found = new Map<string, number>();
    let negative = 0;
    let directed = 0;
    for (let sample = 0; sample < images; sample++) {
      const drawn = drawOperations(key(sample));
      for (const { name, level } of drawn) {
        const label = `${name} ${Math.abs(level)}`;
        found.set(label, (found.get(label) ?? 0) + 1);
        const hasDirection = /Rotate|Shear|Translate/.test(name);
        if (!hasDirection) expect(level).toBeGreaterThanOrEqual(0);
        if (hasDirection && level !== 0) directed++;
        if (level < 0) negative++;
      }
    }
    for (const label of found.keys()) expect(expected.get(label)).toBeGreaterThan(0);
    for (const [label, count] of expected) {
      // Five standard deviations of a count, for about 40 of them.
      expect(Math.abs((found.get(label) ?? 0) - count), label).toBeLessThanOrEqual(5 * Math.sqrt(count));
    }
    expect(Math.abs(negative - directed / 2)).toBeLessThan(2.5 * Math.sqrt(directed));
  });

  test("returns the operations of a pair in their order", () => {
    for (let sample = 0; sample < 2000; sample++) {
      const drawn = drawOperations(key(sample)).map(({ name, level }) => `${name} ${Math.abs(level)}`);
      const fits = POLICY_V0.some(([first, second]) => {
        const names = [first, second].map(([name, , level]) => `${name} ${level}`);
        const subsets = [[], [names[0]], [names[1]], names];
        return subsets.some((subset) => subset.join() === drawn.join());
      });
      expect(fits, drawn.join()).toBe(true);
    }
  });

  test("the table has 25 pairs, probabilities in [0, 1] and integer levels up to 10", () => {
    expect(POLICY_V0.length).toBe(25);
    for (const [, probability, level] of POLICY_V0.flat()) {
      expect(probability >= 0 && probability <= 1 && Number.isInteger(level) && level >= 0 && level <= 10).toBe(true);
    }
    // Sums of the official table.
    expect(POLICY_V0.flat().reduce((sum, [, probability]) => sum + probability, 0)).toBeCloseTo(29.8);
    expect(POLICY_V0.flat().reduce((sum, [, , level]) => sum + level, 0)).toBe(240);
  });
});

describe("applyOperation", () => {
  const cases: [OperationName, number, (image: RgbImage) => void][] = [
    ["AutoContrast", 7, operations.autoContrast],
    ["Equalize", 7, operations.equalize],
    ["Invert", 9, operations.invert],
    ["Posterize", 6, (image) => operations.posterize(image, 2)],
    ["Posterize", 2, (image) => operations.posterize(image, 0)],
    ["Solarize", 8, (image) => operations.solarize(image, 204)],
    ["Solarize", 3, (image) => operations.solarize(image, 76)],
    ["SolarizeAdd", 7, (image) => operations.solarizeAdd(image, 77)],
    ["SolarizeAdd", 3, (image) => operations.solarizeAdd(image, 33)],
    ["Color", 0, (image) => operations.color(image, 0.1)],
    ["Color", 9, (image) => operations.color(image, 1.72)],
    ["Contrast", 1, (image) => operations.contrast(image, 0.28)],
    ["Brightness", 10, (image) => operations.brightness(image, 1.9)],
    ["Sharpness", 5, () => {}],
    ["Sharpness", 9, (image) => operations.sharpness(image, 1.72)],
    ["Rotate", -9, (image) => operations.rotate(image, -27)],
    ["ShearX", 9, (image) => operations.shearX(image, 0.27)],
    ["ShearY", -4, (image) => operations.shearY(image, -0.12)],
    ["TranslateX", -1, (image) => operations.translateX(image, -25)],
    ["TranslateY", 1, (image) => operations.translateY(image, 25)],
    ["Cutout", 1, (image) => operations.cutout(image, 20, 22, 10)],
  ];
  test.each(cases)("%s at level %d", (name, level, same) => {
    expect(changed((image) => applyOperation(image, { name, level, centre: [0.5, 0.75] }))).toEqual(changed(same));
  });
});

describe("autoAugment", () => {
  test("applies the drawn operations in order, a pure function of the key", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(3), (sample, stream) => {
        const found = changed((image) => autoAugment(image, key(sample, stream)));
        const drawn = drawOperations(key(sample, stream));
        expect(found).toEqual(
          changed((image) => {
            for (const operation of drawn) applyOperation(image, operation);
          }),
        );
      }),
    );
  });

  test("differs between images, and leaves few unchanged", () => {
    const results = Array.from({ length: 200 }, (_, sample) =>
      changed((image) => autoAugment(image, key(sample))).join(),
    );
    expect(new Set(results).size).toBeGreaterThan(40);
    const unchanged = picture().pixels.join();
    expect(results.filter((result) => result === unchanged).length).toBeLessThan(60);
  });
});
