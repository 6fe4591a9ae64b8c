import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluationBatches, partOf, trainingLoader } from "../../src/data/loading/loader.js";
import { makeDataset } from "../support/datasets.js";
import { error } from "../support/errors.js";

describe("the parts of a mini-batch", () => {
  test("together have the images of a single process, pixel by pixel", async () => {
    const dataset = makeDataset({ length: 50, classes: 3, height: 6, width: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(5),
        async (count, own, epoch) => {
          const options = {
            ...{ batchSize: count * own, seed: 4, sampler: "class-balanced" as const },
            augmentation: { crop: 2, flip: true },
          };
          const whole = trainingLoader(dataset, options);
          const parts = Array.from({ length: count }, (_, index) =>
            trainingLoader(dataset, { ...options, part: { index, count } }),
          );
          const steps = parts.map((part) => part.epoch(epoch, 1)[Symbol.asyncIterator]());
          for await (const batch of whole.epoch(epoch, 1)) {
            const given = await Promise.all(steps.map(async (step) => (await step.next()).value));
            expect(given.flatMap(({ samples }) => [...samples])).toEqual([...batch.samples]);
            expect(given.flatMap(({ labels }) => [...labels])).toEqual([...batch.labels]);
            expect(given.flatMap(({ pixels }) => [...pixels])).toEqual([...batch.pixels]);
          }
          for (const step of steps) expect((await step.next()).done).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("of an evaluation have every image once, also if the number is not divisible", () => {
    const dataset = makeDataset({ length: 23, classes: 3, height: 2, width: 2 });
    for (const count of [1, 2, 5, 23, 30]) {
      const seen = Array.from({ length: count }, (_, index) => [...evaluationBatches(dataset, 4, { index, count })]);
      expect(seen.flat().flatMap(({ samples }) => [...samples])).toEqual([...dataset.samples]);
    }
  });

  test("have equal sizes, or are refused with a suggested size", () => {
    expect(partOf(12, { index: 2, count: 3 }, "train")).toEqual({ offset: 8, size: 4 });
    expect(() => partOf(13, { index: 0, count: 3 }, "train")).toThrow(error("ERR_BATCH_SIZE", /Choose 12 or 15\./));
    expect(() => partOf(2, { index: 0, count: 3 }, "train")).toThrow(error("ERR_BATCH_SIZE", /Take 3\./));
  });
});
