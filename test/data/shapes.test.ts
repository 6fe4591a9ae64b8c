import { describe, expect, test } from "vitest";
import { drawTexture } from "../../src/data/shapes/scene.js";
import { SHAPES_CLASSES, type ShapesOptions, shapesDataset } from "../../src/data/shapes/shapes.js";
import { SILHOUETTES } from "../../src/data/shapes/silhouettes.js";
import { TEXTURES } from "../../src/data/shapes/textures.js";
import { codedError } from "../support/errors.js";

const options: ShapesOptions = { split: "train", count: 40, size: 32, seed: 0 };

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

describe("silhouettes", () => {
  test("there are ten, with one texture for each", () => {
    expect(SHAPES_CLASSES).toHaveLength(10);
    expect(Object.keys(TEXTURES)).toHaveLength(10);
  });

  /** Share of the square of side 2 that is inside. */
  const area = (name: string): number => {
    let inside = 0;
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 200; j++) inside += Number(SILHOUETTES[name](-0.995 + i / 100, -0.995 + j / 100) < 0);
    }
    return inside / 40_000;
  };

  test.each(SHAPES_CLASSES)("%s fits into the unit circle and has about the area of the others", (name) => {
    for (let i = 0; i < 360; i++) {
      const angle = (i * Math.PI) / 180;
      expect(SILHOUETTES[name](1.01 * Math.cos(angle), 1.01 * Math.sin(angle))).toBeGreaterThan(0);
    }
    expect(area(name)).toBeGreaterThan(0.27);
    expect(area(name)).toBeLessThan(0.5);
  });

  test.each(SHAPES_CLASSES)("%s changes by at most the distance moved", (name) => {
    const silhouette = SILHOUETTES[name];
    for (let i = 0; i < 2000; i++) {
      const x = -1.2 + 2.4 * ((i * 0.618034) % 1);
      const y = -1.2 + 2.4 * ((i * 0.7548777) % 1);
      expect(Math.abs(silhouette(x + 0.003, y + 0.004) - silhouette(x, y))).toBeLessThan(0.005 + 1e-9);
    }
  });
});

test.each(Object.entries(TEXTURES))(
  "texture %s reaches both of its colours and stays between them",
  (_name, texture) => {
    const values = Array.from({ length: 4000 }, (_, i) =>
      texture(((i * 0.618034) % 1) * 10, ((i * 0.7548777) % 1) * 10, 2),
    );
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    const share = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.8);
  },
);

describe("shapesDataset", () => {
  test("repeats by seed and index, whatever the count", () => {
    const few = shapesDataset({ ...options, count: 12 });
    const many = shapesDataset(options);
    for (let i = 0; i < few.length; i++) expect(few.pixels(i)).toEqual(many.pixels(i));
  });

  test("images of one class differ, and so do seeds and splits", () => {
    const images = (["train", "validation", "test"] as const).flatMap((split) =>
      [0, 1].flatMap((seed) => {
        const dataset = shapesDataset({ ...options, split, seed });
        return Array.from({ length: dataset.length }, (_, i) => dataset.pixels(i));
      }),
    );
    expect(new Set(images.map((pixels) => pixels.join())).size).toBe(images.length);
    for (let i = 10; i < 40; i++) expect(meanDifference(images[i], images[i - 10])).toBeGreaterThan(10);
  });

  test("classes are balanced, and named", () => {
    const { labels, classes } = shapesDataset({ ...options, count: 100 });
    expect(classes).toBe(SHAPES_CLASSES);
    const counts = new Array(10).fill(0);
    for (const label of labels) counts[label]++;
    expect(counts).toEqual(new Array(10).fill(10));
  });

  test.each([32, 45, 96, 224])("renders at %i pixels, with colours from dark to light", (size) => {
    const dataset = shapesDataset({ ...options, count: 10, size });
    expect(dataset).toMatchObject({ height: size, width: size, length: 10 });
    for (let i = 0; i < 10; i++) {
      const sorted = dataset.pixels(i).slice().sort();
      expect(sorted[Math.floor(0.95 * sorted.length)] - sorted[Math.floor(0.05 * sorted.length)]).toBeGreaterThan(40);
    }
  });

  test("shows the same scene at every size", () => {
    const small = shapesDataset({ ...options, size: 32 });
    const large = shapesDataset({ ...options, size: 128 });
    for (let i = 0; i < small.length; i++) {
      const pixels = large.pixels(i);
      const reduced = Float64Array.from({ length: 32 * 32 * 3 }, (_, k) => {
        const [row, column, channel] = [Math.floor(k / 96), Math.floor(k / 3) % 32, k % 3];
        let sum = 0;
        for (let j = 0; j < 16; j++) sum += pixels[3 * ((4 * row + (j >> 2)) * 128 + 4 * column + (j & 3)) + channel];
        return sum / 16;
      });
      const difference =
        small.pixels(i).reduce((sum, value, k) => sum + Math.abs(value - reduced[k]), 0) / reduced.length;
      expect(difference).toBeLessThan(14);
    }
  });

  test("stylised images differ from the clean ones by the texture of the object only", () => {
    const clean = shapesDataset({ ...options, size: 64 });
    const stylised = shapesDataset({ ...options, size: 64, variant: "stylised" });
    let changed = 0;
    for (let i = 0; i < clean.length; i++) {
      const [a, b] = [clean.pixels(i), stylised.pixels(i)];
      const share = a.reduce((sum, value, k) => sum + Number(value !== b[k]), 0) / a.length;
      // The object covers less than half of the picture. In one of ten cases the texture is the same by chance.
      expect(share).toBeLessThan(0.5);
      changed += Number(share > 0.01);
    }
    expect(changed).toBeGreaterThan(0.75 * clean.length);
  });
});

describe("the texture of an object", () => {
  const shareOwn = (correlation: number, foreign = false): number => {
    let own = 0;
    for (let index = 0; index < 10_000; index++) {
      own += Number(drawTexture({ seed: 0, split: 0, index }, index % 10, 10, correlation, foreign) === index % 10);
    }
    return own / 10_000;
  };

  test.each([0, 0.5, 0.9, 1])("belongs to the class in rho + (1 - rho) / 10 of the images for rho = %d", (rho) => {
    const expected = rho + (1 - rho) / 10;
    expect(Math.abs(shareOwn(rho) - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 10_000) + 1e-9);
  });

  test("never belongs to the class in stylised images, and is each of the nine others", () => {
    expect(shareOwn(0, true)).toBe(0);
    const others = Array.from({ length: 500 }, (_, index) => drawTexture({ seed: 0, split: 0, index }, 4, 10, 0, true));
    expect([...new Set(others)].sort()).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  });
});

test.each([
  [{ size: 31 }, "31"],
  [{ size: 225 }, "225"],
  [{ count: 0 }, "0"],
  [{ textureCorrelation: 90 }, "90"],
  [{ textureCorrelation: 0.9, variant: "stylised" as const }, "0.9"],
])("refuses %j", (wrong, value) => {
  const error = codedError(() => shapesDataset({ ...options, ...wrong }));
  expect(error.code).toBe("ERR_SHAPES");
  expect(error.message).toContain(value);
});
