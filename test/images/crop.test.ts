import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  centreCrop,
  defaultCropFraction,
  INCEPTION_CROP,
  randomResizedCrop,
  scaleRegion,
  whole,
} from "../../src/images/crop.js";
import { KeyedRandom, Purpose } from "../../src/random.js";

const draw = (sample: number, seed = 1) => new KeyedRandom(seed, Purpose.crop, 0, sample);

describe("randomResizedCrop", () => {
  test("is inside of the image and keeps the limits, up to rounding", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 4000 }), fc.integer({ min: 40, max: 4000 }), fc.nat(), (w, h, sample) => {
        fc.pre(w / h > 3 / 4 && w / h < 4 / 3);
        const { left, top, width, height } = randomResizedCrop(w, h, draw(sample), INCEPTION_CROP);
        expect(left >= 0 && top >= 0 && left + width <= w && top + height <= h).toBe(true);
        const area = (width * height) / (w * h);
        const aspect = width / height;
        const rounding = 1 / Math.min(width, height);
        expect(area).toBeGreaterThan(0.08 * (1 - 2 * rounding));
        expect(aspect).toBeGreaterThan((3 / 4) * (1 - 2 * rounding));
        expect(aspect).toBeLessThan((4 / 3) * (1 + 2 * rounding));
      }),
      { numRuns: 500 },
    );
  });

  test("has the distribution of its definition: the area and the logarithm of the aspect are uniform", () => {
    // Small areas always fit into a large square. So no attempt is rejected, and the draws are visible in the windows.
    const limits = { area: [0.1, 0.4], aspect: [3 / 4, 4 / 3] } as const;
    const crops = Array.from({ length: 4000 }, (_, sample) => randomResizedCrop(1000, 1000, draw(sample), limits));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const areas = crops.map(({ width, height }) => (width * height) / 1e6);
    const logs = crops.map(({ width, height }) => Math.log(width / height));
    const places = crops.map(({ left, width }) => left / (1000 - width));
    // Standard errors of the means: 0.3 / sqrt(12 * 4000) = 0.0014, 0.575 / sqrt(48000) = 0.0026, 1 / sqrt(48000) = 0.0046.
    expect(Math.abs(mean(areas) - 0.25)).toBeLessThan(4 * 0.0014);
    expect(Math.abs(mean(logs))).toBeLessThan(4 * 0.0026);
    expect(Math.abs(mean(places) - 0.5)).toBeLessThan(4 * 0.0046);
    const variance = mean(areas.map((area) => (area - 0.25) ** 2));
    expect(variance).toBeCloseTo(0.3 ** 2 / 12, 3);
  });

  test("falls back to the largest central window within the aspect limits where no attempt fits", () => {
    const impossible = { area: [1, 1], aspect: [3 / 4, 4 / 3] } as const;
    expect(randomResizedCrop(400, 90, draw(0), impossible)).toEqual({ left: 140, top: 0, width: 120, height: 90 });
    expect(randomResizedCrop(90, 400, draw(0), impossible)).toEqual({ left: 0, top: 140, width: 90, height: 120 });
    expect(randomResizedCrop(1, 1, draw(0), impossible)).toEqual({ left: 0, top: 0, width: 1, height: 1 });
    // torchvision computes int(round(h * max(ratio))): 7.5 becomes 8, and 12.5 becomes 12.
    const steep = { area: [1, 1], aspect: [1, 5 / 2] } as const;
    expect(randomResizedCrop(100, 3, draw(0), steep).width).toBe(8);
    expect(randomResizedCrop(100, 5, draw(0), steep).width).toBe(12);
  });
});

test("the centre crop is size / (size + 32) from 224 pixels on, and 0.875 below", () => {
  // `crop_pct` of the published AdvProp weights in timm, B0 to B8.
  const published = [0.875, 0.882, 0.89, 0.904, 0.922, 0.934, 0.942, 0.949, 0.954];
  const sizes = [224, 240, 260, 300, 380, 456, 528, 600, 672];
  sizes.forEach((size, i) => {
    expect(Math.abs(defaultCropFraction(size) - published[i])).toBeLessThan(1e-3);
  });
  for (const size of [16, 32, 64, 128, 223]) expect(defaultCropFraction(size)).toBe(0.875);
});

describe("centreCrop", () => {
  test("follows torchvision's Resize and CenterCrop, which round halves to even", () => {
    // Values of torchvision's rules in Python: int(256 * long / short), int(round((side - 224) / 2.0)).
    const places = [
      [500, 375, 341, 58], // half of the remaining pixels is 58.5
      [500, 374, 342, 59],
      [500, 373, 343, 60], // 59.5
      [640, 427, 383, 80], // 79.5
      [640, 480, 341, 58],
      [500, 333, 384, 80],
    ];
    for (const [long, short, resized, start] of places) {
      const square = { width: 224, height: 224 };
      expect(centreCrop(long, short, 224, 224 / 256)).toEqual({
        width: resized,
        height: 256,
        window: { left: start, top: 16, ...square },
      });
      expect(centreCrop(short, long, 224, 224 / 256)).toEqual({
        width: 256,
        height: resized,
        window: { left: 16, top: start, ...square },
      });
    }
    expect(centreCrop(100, 300, 128, 1)).toEqual({
      width: 128,
      height: 384,
      window: { left: 0, top: 128, width: 128, height: 128 },
    });
  });

  test("the window is always inside", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0.2, max: 1, noNaN: true }),
        (w, h, size, fraction) => {
          const { width, height, window } = centreCrop(w, h, size, fraction);
          expect(window.left >= 0 && window.left + size <= width).toBe(true);
          expect(window.top >= 0 && window.top + size <= height).toBe(true);
        },
      ),
    );
  });
});

test("scaleRegion maps the whole image to the whole image, and keeps at least one pixel", () => {
  const from = { width: 400, height: 300 };
  const to = { width: 40, height: 30 };
  expect(scaleRegion(whole(from), from, to)).toEqual(whole(to));
  expect(scaleRegion({ left: 399, top: 299, width: 1, height: 1 }, from, to)).toEqual({
    left: 39,
    top: 29,
    width: 1,
    height: 1,
  });
});
