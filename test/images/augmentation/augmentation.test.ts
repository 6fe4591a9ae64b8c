import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cropPadded, flipHorizontal } from "../../../src/images/augmentation/augmentation.js";

/** A random image of up to 6 x 6 pixels, with its size. */
const image = fc
  .record({ height: fc.integer({ min: 1, max: 6 }), width: fc.integer({ min: 1, max: 6 }) })
  .chain(({ height, width }) =>
    fc.record({
      height: fc.constant(height),
      width: fc.constant(width),
      pixels: fc.uint8Array({ minLength: height * width * 3, maxLength: height * width * 3 }),
    }),
  );

describe("cropPadded", () => {
  test("reads each pixel where the formula says, zero outside", () => {
    fc.assert(
      fc.property(image, fc.nat(8), fc.nat(1000), fc.nat(1000), ({ height, width, pixels }, padding, a, b) => {
        const top = a % (2 * padding + 1);
        const left = b % (2 * padding + 1);
        const target = new Uint8Array(pixels.length).fill(77);
        cropPadded(pixels, height, width, padding, top, left, target);
        for (let row = 0; row < height; row++) {
          for (let column = 0; column < width; column++) {
            for (let channel = 0; channel < 3; channel++) {
              const y = row + top - padding;
              const x = column + left - padding;
              const inside = y >= 0 && y < height && x >= 0 && x < width;
              const expected = inside ? pixels[(y * width + x) * 3 + channel] : 0;
              expect(target[(row * width + column) * 3 + channel]).toBe(expected);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("flipHorizontal", () => {
  test("mirrors columns and keeps channels together", () => {
    fc.assert(
      fc.property(image, ({ height, width, pixels }) => {
        const flipped = pixels.slice();
        flipHorizontal(flipped, height, width);
        for (let row = 0; row < height; row++) {
          for (let column = 0; column < width; column++) {
            for (let channel = 0; channel < 3; channel++) {
              const mirrored = pixels[(row * width + (width - 1 - column)) * 3 + channel];
              expect(flipped[(row * width + column) * 3 + channel]).toBe(mirrored);
            }
          }
        }
      }),
    );
  });
});
