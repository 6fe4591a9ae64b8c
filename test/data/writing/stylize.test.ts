import { describe, expect, test } from "vitest";
import { shapesDataset } from "../../../src/data/shapes/shapes.js";
import { stylize, stylizedDataset } from "../../../src/data/writing/stylize.js";
import { boxMean, guidedFilter } from "../../../src/images/flatten.js";
import { edgeCorrelation } from "../../support/edge-correlation.mjs";

const shapes = shapesDataset({ split: "test", count: 30, size: 48, seed: 0 });

describe("flatten", () => {
  test("boxMean is the mean over the window inside of the image", () => {
    const [height, width] = [5, 7];
    const values = Float64Array.from({ length: height * width }, (_, i) => (i * i) % 11);
    const found = boxMean(values, height, width, 2);
    for (const [y, x] of [
      [0, 0],
      [2, 3],
      [4, 6],
      [1, 5],
    ]) {
      const window: number[] = [];
      for (let v = Math.max(0, y - 2); v <= Math.min(height - 1, y + 2); v++) {
        for (let u = Math.max(0, x - 2); u <= Math.min(width - 1, x + 2); u++) window.push(values[v * width + u]);
      }
      expect(found[y * width + x]).toBeCloseTo(window.reduce((a, b) => a + b) / window.length, 12);
    }
    expect(boxMean(values, height, width, 100)[17]).toBeCloseTo(values.reduce((a, b) => a + b) / values.length, 12);
  });

  test("the guided filter keeps a step of the guide and removes the noise beside it", () => {
    const [height, width] = [16, 16];
    const guide = Float64Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? 0 : 1));
    const noisy = guide.map((value, i) => value + (i % 2 === 0 ? 0.1 : -0.1));
    const found = guidedFilter(noisy, guide, height, width, 3, 1e-4);
    found.forEach((value, i) => {
      expect(Math.abs(value - guide[i])).toBeLessThan(0.03);
    });
    const flat = guidedFilter(noisy, new Float64Array(256).fill(0.5), height, width, 3, 1e-4);
    expect(Math.abs(flat[8 * 16 + 7] - 0.5)).toBeLessThan(0.1);
  });
});

describe("stylize", () => {
  test("depends only on the image, the seed and the sample, and does not change its input", () => {
    const image = shapes.pixels(3).slice();
    const first = stylize(image, 48, 48, { seed: 1, sample: 3 });
    expect(image).toEqual(shapes.pixels(3));
    expect(stylizedDataset(shapes, 1).pixels(3)).toEqual(first);
    expect(stylizedDataset(shapes, 2).pixels(3)).not.toEqual(first);
    expect(stylize(image, 48, 48, { seed: 1, sample: 4 })).not.toEqual(first);
  });

  test("keeps the edges and replaces the colours", () => {
    const styled = stylizedDataset(shapes, 0);
    let edges = 0;
    let colours = 0;
    for (let i = 0; i < shapes.length; i++) {
      edges += edgeCorrelation(shapes.pixels(i), styled.pixels(i), 48, 48) / shapes.length;
      colours += correlation(redLessBlue(shapes.pixels(i)), redLessBlue(styled.pixels(i))) / shapes.length;
    }
    expect(edges).toBeGreaterThan(0.6);
    expect(Math.abs(colours)).toBeLessThan(0.2);
  });

  test("accepts any shape, and an image without contrast", () => {
    expect(stylize(new Uint8Array(20 * 50 * 3).fill(80), 20, 50, { seed: 0, sample: 0 })).toHaveLength(3000);
  });

  test("refuses invalid input", () => {
    expect(() => stylize(new Uint8Array(3), 16, 16, { seed: 0, sample: 0 })).toThrow(/got 3 bytes for 16 x 16/);
    expect(() => stylize(new Uint8Array(8 * 8 * 3), 8, 8, { seed: 0, sample: 0 })).toThrow(/at least 16 x 16/);
    expect(() => stylizedDataset(shapes, -1)).toThrow(/seed must be an integer/);
  });
});

const redLessBlue = (pixels: Uint8Array): number[] =>
  Array.from({ length: pixels.length / 3 }, (_, i) => pixels[3 * i] - pixels[3 * i + 2]);

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const product = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0);
  return product(a, ma, b, mb) / Math.sqrt(product(a, ma, a, ma) * product(b, mb, b, mb) + 1e-9);
}
