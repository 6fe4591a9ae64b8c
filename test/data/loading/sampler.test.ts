import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subset } from "../../../src/data/datasets/subset.js";
import { trainingLoader } from "../../../src/data/loading/loader.js";
import { epochOrder, type Labelled } from "../../../src/data/loading/sampler.js";
import { makeDataset } from "../../support/datasets.js";

function setOf(counts: readonly number[]): Labelled {
  const labels = Int32Array.from(counts.flatMap((count, label) => new Array<number>(count).fill(label)));
  return {
    length: labels.length,
    classes: counts.map((_, label) => `class ${label}`),
    labels,
    samples: Uint32Array.from(labels, (_, i) => i),
  };
}

const counts = fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }).filter((list) => list.some((count) => count > 0));

describe("epochOrder", () => {
  test("uniform visits every image once, in another order each epoch", () => {
    const set = setOf([30, 3]);
    const { indices, repeats } = epochOrder("uniform", set, 1, 0);
    expect([...indices].sort((a, b) => a - b)).toEqual([...Array(33).keys()]);
    expect([...repeats]).toEqual(new Array(33).fill(0));
    expect(epochOrder("uniform", set, 1, 1).indices).not.toEqual(indices);
  });

  test("class-balanced has as many visits; classes, and the images of a class, differ by at most one visit", () => {
    fc.assert(
      fc.property(counts, fc.nat(1000), fc.nat(20), (sizes, seed, epoch) => {
        const set = setOf(sizes);
        const { indices, repeats } = epochOrder("class-balanced", set, seed, epoch);
        expect(indices.length).toBe(set.length);
        const visits = new Array<number>(set.length).fill(0);
        indices.forEach((index, place) => {
          expect(repeats[place]).toBe(visits[index]++);
        });
        const byClass = sizes.map((_, label) => visits.filter((_, index) => set.labels[index] === label));
        const totals = byClass.filter((of) => of.length > 0).map((of) => of.reduce((sum, v) => sum + v, 0));
        expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(1);
        for (const of of byClass) if (of.length > 0) expect(Math.max(...of) - Math.min(...of)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("class-balanced reaches every image of a frequent class over several epochs", () => {
    const set = setOf([50, 10]);
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 12; epoch++) {
      for (const index of epochOrder("class-balanced", set, 3, epoch).indices) seen.add(index);
    }
    expect(seen.size).toBe(60);
  });

  test("trainingLoader augments each visit of an image differently", async () => {
    // One image of class 1 and 15 images of class 0: the first is visited eight times.
    const dataset = subset(makeDataset({ length: 30, classes: 2, height: 8, width: 8 }), [
      1,
      ...Array.from({ length: 15 }, (_, i) => 2 * i),
    ]);
    const loader = trainingLoader(dataset, {
      batchSize: 16,
      seed: 5,
      sampler: "class-balanced",
      augmentation: { crop: 2, flip: true },
    });
    for await (const batch of loader.epoch(0, 0)) {
      const bytes = 8 * 8 * 3;
      const visits = [...batch.samples.keys()].filter((i) => batch.samples[i] === 1);
      expect(visits.length).toBe(8);
      const pictures = visits.map((i) => batch.pixels.subarray(i * bytes, (i + 1) * bytes).join());
      expect(new Set(pictures).size).toBeGreaterThan(5);
      expect(visits.map((i) => batch.repeats?.[i])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }
  });
});
