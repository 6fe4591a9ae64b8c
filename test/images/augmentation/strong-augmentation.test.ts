/** The augmentation after crop and flip: the drawn operations, their ranges and their keys. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyAugMix, drawAugMix } from "../../../src/images/augmentation/aug-mix.js";
import type { RgbImage } from "../../../src/images/augmentation/auto-augment-operations.js";
import { CIFAR10_POLICY, drawCifarOperations } from "../../../src/images/augmentation/cifar-policy.js";
import { drawColorJitter } from "../../../src/images/augmentation/color-jitter.js";
import type { PolicyOperation } from "../../../src/images/augmentation/policy-operations.js";
import {
  drawRandAugment,
  drawTrivialAugment,
  MAX_MAGNITUDE,
  operationAt,
  RAND_AUGMENT,
  TRIVIAL_AUGMENT,
} from "../../../src/images/augmentation/rand-augment.js";
import { drawErased, erase } from "../../../src/images/augmentation/random-erasing.js";
import {
  AUTO_AUGMENT_POLICIES,
  augmentStrongly,
  type StrongAugmentation,
} from "../../../src/images/augmentation/strong-augmentation.js";
import { KeyedRandom, Purpose } from "../../../src/random.js";

const draws =
  (sample: number) =>
  (purpose: number): KeyedRandom =>
    new KeyedRandom(3, purpose, 1, sample);
const randomOf = (sample: number) => draws(sample)(Purpose.augmentation);

function imageOf(height = 32, width = 32): RgbImage {
  const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24);
  return { pixels, height, width };
}

const many = Array.from({ length: 4000 }, (_, i) => i);
/** Four standard errors of a share. */
const expectShare = (share: number, expected: number, count = many.length) =>
  expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / count));
const shareOf = (holds: (sample: number) => boolean) => many.filter(holds).length / many.length;

describe.each([
  ...AUTO_AUGMENT_POLICIES.filter((name) => name !== "none").map(
    (autoAugment): StrongAugmentation => ({ autoAugment }),
  ),
  { colorJitter: 0.4 },
  { randomErasing: 1 },
] as StrongAugmentation[])("%j", (settings) => {
  const augmented = (sample: number, image = imageOf()) => {
    augmentStrongly(image, settings, draws(sample));
    return image.pixels;
  };

  test("depends on the key of the sample, and changes most images", () => {
    for (const sample of [0, 1, 2]) expect(augmented(sample)).toEqual(augmented(sample));
    const results = new Set(Array.from({ length: 40 }, (_, sample) => String(augmented(sample))));
    expect(results.size).toBeGreaterThan(15);
  });

  test("accepts images of any size", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(99),
        (height, width, sample) => {
          expect(augmented(sample, imageOf(height, width))).toHaveLength(height * width * 3);
        },
      ),
    );
  });
});

test("the whole augmentation is jitter, then the policy, then erasing", () => {
  const parts: StrongAugmentation[] = [{ colorJitter: 0.4 }, { autoAugment: "cifar10" }, { randomErasing: 1 }];
  for (const sample of [0, 5, 9]) {
    const [one, other] = [imageOf(), imageOf()];
    augmentStrongly(one, Object.assign({}, ...parts), draws(sample));
    for (const part of parts) augmentStrongly(other, part, draws(sample));
    expect(one.pixels).toEqual(other.pixels);
  }
});

describe("cifar10", () => {
  test("draws its 25 pairs equally often, each operation with its probability and its sign", () => {
    expect(CIFAR10_POLICY).toHaveLength(25);
    const drawn = many.map((sample) => drawCifarOperations(imageOf(), randomOf(sample)));
    // The expected number of each operation, computed from the table.
    for (const name of ["TranslateY", "Equalize", "Invert"] as const) {
      const expected = CIFAR10_POLICY.flat().reduce((sum, [step, p]) => sum + (step === name ? p / 25 : 0), 0);
      const found = drawn.flat().filter((operation) => operation.name === name).length / many.length;
      expect(Math.abs(found - expected)).toBeLessThan(4 * Math.sqrt(expected / many.length));
    }
    const moves = drawn.flat().filter(({ name }) => name === "TranslateY");
    expectShare(moves.filter(({ value }) => value < 0).length / moves.length, 0.5, moves.length);
    // 10 of 32 pixels at level 10, and the same share of other sizes.
    expect(Math.max(...moves.map(({ value }) => value))).toBe(9);
    const large = many.flatMap((sample) => drawCifarOperations(imageOf(64, 32), randomOf(sample)));
    const most = (name: string) => Math.max(...large.filter((one) => one.name === name).map(({ value }) => value));
    expect([most("TranslateY"), most("TranslateX")]).toEqual([18, 9]);
  });
});

describe("rand-augment and trivial-augment", () => {
  test("draw each of fourteen operations equally often", () => {
    for (const draw of [
      (sample: number) => drawRandAugment(imageOf(), randomOf(sample), { operations: 2, magnitude: 9 })[1],
      (sample: number) => drawTrivialAugment(imageOf(), randomOf(sample))[0],
    ]) {
      const counts = new Map<string, number>();
      for (const sample of many) counts.set(draw(sample).name, (counts.get(draw(sample).name) ?? 0) + 1);
      expect(counts.size).toBe(14);
      for (const count of counts.values()) expectShare(count / many.length, 1 / 14);
    }
  });

  test("have the published ranges, in shares of the image's sides", () => {
    const at = (name: PolicyOperation["name"], magnitude: number, ranges = RAND_AUGMENT, sign: 1 | -1 = 1) =>
      operationAt(name, magnitude, sign, ranges, imageOf(100, 200)).value;
    expect(at("ShearX", 30)).toBeCloseTo(0.3, 12);
    expect(at("ShearY", 15, RAND_AUGMENT, -1)).toBeCloseTo(-0.15, 12);
    expect(at("TranslateX", 30)).toBeCloseTo((200 * 150) / 331, 12);
    expect(at("TranslateY", 30)).toBeCloseTo((100 * 150) / 331, 12);
    expect(at("Rotate", 9)).toBeCloseTo(9, 12);
    expect(at("Brightness", 9)).toBeCloseTo(1.27, 12);
    expect(at("Color", 30, RAND_AUGMENT, -1)).toBeCloseTo(0.1, 12);
    expect([at("Posterize", 0), at("Posterize", 9), at("Posterize", 30)]).toEqual([8, 7, 4]);
    expect([at("Solarize", 0), at("Solarize", 30)]).toEqual([255, 0]);
    expect(at("Rotate", 30, TRIVIAL_AUGMENT)).toBeCloseTo(135, 12);
    expect(at("TranslateX", 30, TRIVIAL_AUGMENT)).toBeCloseTo((200 * 32) / 224, 12);
    expect(at("Posterize", 30, TRIVIAL_AUGMENT)).toBe(2);
  });

  test("rand-augment uses its number of operations and its magnitude", () => {
    const of = (operations: number, magnitude: number) =>
      many.slice(0, 300).flatMap((sample) => drawRandAugment(imageOf(), randomOf(sample), { operations, magnitude }));
    expect(of(3, 9)).toHaveLength(900);
    const turns = of(2, MAX_MAGNITUDE).filter(({ name }) => name === "Rotate");
    expect(new Set(turns.map(({ value }) => Math.abs(Math.round(value))))).toEqual(new Set([30]));
  });
});

describe("aug-mix", () => {
  test("draws three chains of one to three operations, weights with sum 1 and a uniform share", () => {
    const drawn = many.map((sample) => drawAugMix(imageOf(), randomOf(sample)));
    for (const { chains, weights } of drawn) {
      expect(chains).toHaveLength(3);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    }
    const depths = drawn.flatMap(({ chains }) => chains.map(({ length }) => length));
    for (const depth of [1, 2, 3]) {
      expectShare(depths.filter((one) => one === depth).length / depths.length, 1 / 3, depths.length);
    }
    // Dirichlet(1, 1, 1): a weight is below x with probability 1 - (1 - x)^2.
    expectShare(drawn.filter(({ weights }) => weights[0] < 0.3).length / many.length, 0.51);
    expectShare(drawn.filter(({ share }) => share < 0.25).length / many.length, 0.25);
  });

  test("mixes the chains with each other and with the image", () => {
    const invertedShare = {
      chains: [[{ name: "Solarize" as const, value: 0 }], [], []],
      weights: [0.5, 0.25, 0.25],
      share: 0.8,
    };
    const image = { pixels: Uint8Array.of(0, 100, 255), height: 1, width: 1 };
    applyAugMix(image, invertedShare);
    // 0.2 v + 0.8 (0.5 (255 - v) + 0.5 v) = 0.2 v + 102
    expect([...image.pixels]).toEqual([102, 122, 153]);
    const same = imageOf();
    applyAugMix(same, { ...invertedShare, share: 0 });
    expect(same.pixels).toEqual(imageOf().pixels);
  });
});

test("color jitter draws three factors around 1, in all orders", () => {
  const drawn = many.map((sample) => drawColorJitter(randomOf(sample), 0.4));
  const orders = new Map<string, number>();
  for (const operations of drawn) {
    const order = operations.map(({ name }) => name).join(" ");
    orders.set(order, (orders.get(order) ?? 0) + 1);
    for (const { value } of operations) expect(Math.abs(value - 1)).toBeLessThanOrEqual(0.4);
  }
  expect(orders.size).toBe(6);
  for (const count of orders.values()) expectShare(count / many.length, 1 / 6);
});

describe("random erasing", () => {
  test("makes a rectangle of 2 to 33 % of the image grey, with the given probability", () => {
    expectShare(
      shareOf((sample) => drawErased(imageOf(), randomOf(sample), 0.25) !== undefined),
      0.25,
    );
    for (const sample of many.slice(0, 500)) {
      const rectangle = drawErased(imageOf(40, 60), randomOf(sample), 1);
      if (rectangle === undefined) continue;
      const { top, left, height, width } = rectangle;
      expect(top >= 0 && left >= 0 && top + height <= 40 && left + width <= 60).toBe(true);
      const share = (height * width) / 2400;
      expect(share).toBeGreaterThan(0.01);
      expect(share).toBeLessThan(0.36);
    }
  });

  test("changes nothing outside of the rectangle", () => {
    const image = imageOf(4, 5);
    erase(image, { top: 1, left: 2, height: 2, width: 3 });
    const before = imageOf(4, 5);
    for (let i = 0; i < 20; i++) {
      const hit = i >= 5 && i < 15 && i % 5 >= 2;
      for (const at of [3 * i, 3 * i + 1, 3 * i + 2]) expect(image.pixels[at]).toBe(hit ? 128 : before.pixels[at]);
    }
  });
});
