import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RgbImage } from "../../../src/images/augmentation/auto-augment-operations.js";
import * as operations from "../../../src/images/augmentation/auto-augment-operations.js";

/** 3 x 4 pixels, the input for the numbers below. */
const SOURCE = [
  200, 30, 90, 12, 250, 77, 64, 64, 64, 255, 0, 128, 31, 190, 5, 90, 91, 140, 128, 127, 200, 40, 220, 60, 77, 12, 33,
  140, 180, 220, 5, 99, 250, 160, 60, 10,
];

function apply(change: (image: RgbImage) => void, values: readonly number[] = SOURCE, height = 3, width = 4): number[] {
  const image = { pixels: Uint8Array.from(values), height, width };
  change(image);
  return [...image.pixels];
}

/** The first channel of a grey image after a change, once all channels are found to be equal. */
function applyGrey(change: (image: RgbImage) => void, values: readonly number[], height: number, width: number) {
  const all = apply(
    change,
    values.flatMap((value) => [value, value, value]),
    height,
    width,
  );
  const [red, green, blue] = [0, 1, 2].map((channel) => all.filter((_, i) => i % 3 === channel));
  expect(green).toEqual(red);
  expect(blue).toEqual(red);
  return red;
}

const largestDifference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

// Results of Pillow 9.4.0 on SOURCE: ImageOps and ImageEnhance.
const AUTOCONTRAST = [
  198, 30, 88, 7, 255, 74, 60, 65, 61, 255, 0, 128, 26, 193, 0, 86, 92, 140, 125, 129, 202, 35, 224, 57, 73, 12, 29,
  137, 183, 223, 0, 100, 255, 158, 61, 5,
];
const INVERT = [
  55, 225, 165, 243, 5, 178, 191, 191, 191, 0, 255, 127, 224, 65, 250, 165, 164, 115, 127, 128, 55, 215, 35, 195, 178,
  243, 222, 115, 75, 35, 250, 156, 5, 95, 195, 245,
];
const POSTERIZE_1 = [
  128, 0, 0, 0, 128, 0, 0, 0, 0, 128, 0, 128, 0, 128, 0, 0, 0, 128, 128, 0, 128, 0, 128, 0, 0, 0, 0, 128, 128, 128, 0,
  0, 128, 128, 0, 0,
];
const POSTERIZE_2 = [
  192, 0, 64, 0, 192, 64, 64, 64, 64, 192, 0, 128, 0, 128, 0, 64, 64, 128, 128, 64, 192, 0, 192, 0, 64, 0, 0, 128, 128,
  192, 0, 64, 192, 128, 0, 0,
];
const SOLARIZE_128 = [
  55, 30, 90, 12, 5, 77, 64, 64, 64, 0, 0, 127, 31, 65, 5, 90, 91, 115, 127, 127, 55, 40, 35, 60, 77, 12, 33, 115, 75,
  35, 5, 99, 5, 95, 60, 10,
];
const COLOR = new Map([
  [
    0.28,
    [
      119, 71, 88, 117, 184, 136, 64, 64, 64, 136, 65, 101, 95, 140, 88, 94, 94, 108, 133, 133, 153, 117, 168, 123, 46,
      27, 33, 163, 174, 186, 64, 91, 133, 105, 77, 63,
    ],
  ],
  [
    1.72,
    [
      255, 0, 91, 0, 255, 17, 64, 64, 64, 255, 0, 154, 0, 239, 0, 85, 87, 171, 122, 120, 246, 0, 255, 0, 107, 0, 32,
      116, 185, 253, 0, 106, 255, 214, 42, 0,
    ],
  ],
]);
const CONTRAST = new Map([
  [
    0.28,
    [
      133, 85, 102, 80, 147, 98, 94, 94, 94, 148, 77, 112, 85, 130, 78, 102, 102, 116, 112, 112, 133, 88, 138, 93, 98,
      80, 86, 116, 127, 138, 78, 104, 147, 121, 93, 79,
    ],
  ],
  [
    1.72,
    [
      255, 0, 77, 0, 255, 55, 33, 33, 33, 255, 0, 143, 0, 249, 0, 77, 79, 163, 143, 141, 255, 0, 255, 26, 55, 0, 0, 163,
      232, 255, 0, 93, 255, 198, 26, 0,
    ],
  ],
]);
const BRIGHTNESS = new Map([
  [
    0.28,
    [
      56, 8, 25, 3, 70, 21, 17, 17, 17, 71, 0, 35, 8, 53, 1, 25, 25, 39, 35, 35, 56, 11, 61, 16, 21, 3, 9, 39, 50, 61,
      1, 27, 70, 44, 16, 2,
    ],
  ],
  [
    1.72,
    [
      255, 51, 154, 20, 255, 132, 110, 110, 110, 255, 0, 220, 53, 255, 8, 154, 156, 240, 220, 218, 255, 68, 255, 103,
      132, 20, 56, 240, 255, 255, 8, 170, 255, 255, 103, 17,
    ],
  ],
]);
const SHARPNESS = new Map([
  [0.28, [86, 103, 129, 113, 124, 164]],
  [1.72, [93, 78, 150, 142, 129, 236]],
]);

describe("operations on values", () => {
  test("equal Pillow where the definitions are the same", () => {
    expect(apply(operations.autoContrast)).toEqual(AUTOCONTRAST);
    expect(apply(operations.invert)).toEqual(INVERT);
    expect(apply((image) => operations.posterize(image, 1))).toEqual(POSTERIZE_1);
    expect(apply((image) => operations.posterize(image, 2))).toEqual(POSTERIZE_2);
    expect(apply((image) => operations.solarize(image, 128))).toEqual(SOLARIZE_128);
    for (const [factor, expected] of BRIGHTNESS) {
      expect(apply((image) => operations.brightness(image, factor))).toEqual(expected);
    }
  });

  test("are within 1 of Pillow where grey is rounded in another way", () => {
    for (const [factor, expected] of COLOR) {
      expect(
        largestDifference(
          apply((image) => operations.color(image, factor)),
          expected,
        ),
      ).toBeLessThanOrEqual(1);
    }
    for (const [factor, expected] of CONTRAST) {
      expect(
        largestDifference(
          apply((image) => operations.contrast(image, factor)),
          expected,
        ),
      ).toBeLessThanOrEqual(1);
    }
  });

  test("sharpness is within 1 of Pillow, which rounds the mean, and keeps the border", () => {
    for (const [factor, inside] of SHARPNESS) {
      const found = apply((image) => operations.sharpness(image, factor));
      expect(largestDifference(found.slice(15, 21), inside)).toBeLessThanOrEqual(1);
      expect([...found.slice(0, 15), ...found.slice(21)]).toEqual([...SOURCE.slice(0, 15), ...SOURCE.slice(21)]);
    }
    // (8 * 13 + 5 * 52) / 13 = 28.
    expect(applyGrey((image) => operations.sharpness(image, 0), [13, 13, 13, 13, 52, 13, 13, 13, 13], 3, 3)[4]).toBe(
      28,
    );
  });

  test("equalize maps values as Pillow does", () => {
    // For 32 x 24 pixels: some values of each channel after ImageOps.equalize of Pillow 9.4.0.
    const pixels = Array.from({ length: 768 }, (_, i) => [((i * i) % 97) + 20, (i * 7) % 131, 60 + Math.floor(i / 50)]);
    const expected = [
      [
        [20, 0],
        [21, 4],
        [22, 12],
        [36, 75],
        [54, undefined],
        [63, 161],
        [85, 248],
        [86, 255],
        [116, 255],
      ],
      [
        [0, 0],
        [1, 3],
        [13, 38],
        [26, 77],
        [27, 79],
        [55, 161],
        [83, 243],
        [86, 252],
        [87, 255],
        [130, 255],
      ],
      [
        [60, 0],
        [61, 25],
        [62, 50],
        [70, 250],
        [71, 255],
        [75, 255],
      ],
    ];
    const found = apply(operations.equalize, pixels.flat(), 24, 32);
    for (const [channel, map] of expected.entries()) {
      for (const [value, equalized] of map) {
        const at = pixels.findIndex((pixel) => pixel[channel] === value);
        expect(at < 0 ? undefined : found[3 * at + channel]).toBe(equalized);
      }
    }
    // Fewer than 255 pixels besides those of the highest value: the step is 0.
    expect(apply(operations.equalize)).toEqual(SOURCE);
  });

  test("auto contrast does not change a channel with one value", () => {
    expect(apply(operations.autoContrast, [7, 0, 10, 7, 51, 20], 1, 2)).toEqual([7, 0, 0, 7, 255, 255]);
  });

  test("posterize keeps one bit for 0 and all bits for 8", () => {
    expect(apply((image) => operations.posterize(image, 0))).toEqual(POSTERIZE_1);
    expect(apply((image) => operations.posterize(image, 8))).toEqual(SOURCE);
  });

  test("solarize works at its limits, and solarizeAdd brightens dark values", () => {
    expect(apply((image) => operations.solarize(image, 0))).toEqual(INVERT);
    expect(apply((image) => operations.solarize(image, 256))).toEqual(SOURCE);
    const add = (addition: number) => (image: RgbImage) => operations.solarizeAdd(image, addition);
    expect(apply(add(77), [0, 50, 127, 128, 200, 255], 1, 2)).toEqual([77, 127, 204, 128, 200, 255]);
    expect(apply(add(200), [0, 50, 127, 128, 200, 255], 1, 2)).toEqual([200, 250, 255, 128, 200, 255]);
  });

  test("factor 1 changes nothing; factor 0 gives grey, the mean or black", () => {
    for (const operation of [operations.color, operations.contrast, operations.brightness, operations.sharpness]) {
      expect(apply((image) => operation(image, 1))).toEqual(SOURCE);
    }
    // The weights 0.2989, 0.587 and 0.114 of 255, times 255.5 / 255, truncated.
    const primaries = [255, 0, 0, 0, 255, 0, 0, 0, 255];
    expect(apply((image) => operations.color(image, 0), primaries, 1, 3)).toEqual([
      76, 76, 76, 149, 149, 149, 29, 29, 29,
    ]);
    // (76 + 149 + 29) / 3 = 84.67
    expect(apply((image) => operations.contrast(image, 0), primaries, 1, 3)).toEqual(Array(9).fill(85));
    expect(apply((image) => operations.brightness(image, 0))).toEqual(Array(36).fill(0));
  });
});

describe("operations on positions", () => {
  const COUNTING = [1, 2, 3, 4, 5, 6, 7, 8, 9];

  test("move, with grey in the area that the image has left", () => {
    const at = (change: (image: RgbImage) => void) => applyGrey(change, COUNTING, 3, 3);
    expect(at((image) => operations.translateX(image, 1))).toEqual([2, 3, 128, 5, 6, 128, 8, 9, 128]);
    expect(at((image) => operations.translateX(image, -1))).toEqual([128, 1, 2, 128, 4, 5, 128, 7, 8]);
    expect(at((image) => operations.translateY(image, 1))).toEqual([4, 5, 6, 7, 8, 9, 128, 128, 128]);
    expect(at((image) => operations.translateY(image, -2))).toEqual([128, 128, 128, 128, 128, 128, 1, 2, 3]);
    expect(at((image) => operations.translateX(image, 225))).toEqual(Array(9).fill(128));
  });

  test("round halves away from zero", () => {
    const at = (distance: number) => applyGrey((image) => operations.translateX(image, distance), COUNTING, 3, 3);
    expect(at(0.5)).toEqual(at(1));
    expect(at(-0.5).slice(0, 3)).toEqual([128, 2, 3]);
    expect(at(0.49)).toEqual(COUNTING);
  });

  test("shear rows and columns relative to the upper left corner", () => {
    const at = (change: (image: RgbImage) => void) => applyGrey(change, COUNTING, 3, 3);
    expect(at((image) => operations.shearX(image, 1))).toEqual([1, 2, 3, 5, 6, 128, 9, 128, 128]);
    expect(at((image) => operations.shearX(image, -1))).toEqual([1, 2, 3, 128, 4, 5, 128, 128, 7]);
    expect(at((image) => operations.shearY(image, 1))).toEqual([1, 5, 9, 4, 8, 128, 7, 128, 128]);
    // 0.3 pixels per row: 0, 0.3 and 0.6, which is rounded to one pixel.
    expect(at((image) => operations.shearX(image, 0.3))).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 128]);
  });

  test("rotate by quarters counterclockwise about the centre", () => {
    const at = (degrees: number) => applyGrey((image) => operations.rotate(image, degrees), COUNTING, 3, 3);
    expect(at(90)).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
    expect(at(-90)).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
    expect(at(180)).toEqual([...COUNTING].reverse());
    expect(at(0)).toEqual(COUNTING);
    // A corner is read at distance sqrt(2) from the centre on an axis, rounded to 1. The centres of the edges are read at
    // 0.7, rounded to 1.
    expect(at(45)).toEqual([2, 3, 6, 1, 5, 9, 4, 7, 8]);
    // An even size is rotated about the corner between four pixels, and the area outside is grey.
    expect(applyGrey((image) => operations.rotate(image, 90), [1, 2, 3, 4, 5, 6, 7, 8], 2, 4)).toEqual([
      128, 3, 7, 128, 128, 2, 6, 128,
    ]);
  });

  test("cutout makes the square grey as far as it is inside of the image", () => {
    const size = fc.integer({ min: 1, max: 7 });
    fc.assert(
      fc.property(size, size, fc.nat(6), fc.nat(6), fc.nat(4), (height, width, a, b, half) => {
        const [row, column] = [a % height, b % width];
        const found = applyGrey(
          (image) => operations.cutout(image, row, column, half),
          Array(height * width).fill(9),
          height,
          width,
        );
        for (const [i, value] of found.entries()) {
          const [y, x] = [Math.floor(i / width), i % width];
          const hit = y >= row - half && y < row + half && x >= column - half && x < column + half;
          expect(value).toBe(hit ? 128 : 9);
        }
      }),
    );
  });
});
