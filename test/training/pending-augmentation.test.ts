/** Cropping and mirroring by the step gives the same images as by the loader. */
import { describe, expect, test } from "vitest";
import { subset } from "../../src/data/datasets/subset.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { type TrainingLoaderOptions, trainingLoader } from "../../src/data/loading/loader.js";
import { scope } from "../../src/tensor/index.js";
import { batchFromPixels } from "../../src/training/methods/step.js";
import { makeDataset } from "../support/datasets.js";

// Class 0 has only three images, which a balanced epoch draws several times.
const DATASET = subset(
  makeDataset({ length: 60, classes: 3 }),
  Uint32Array.from([...Array(60).keys()].filter((i) => i % 3 !== 0 || i < 9)),
);
const EPOCH = 2;

async function batchesOf(options: Partial<TrainingLoaderOptions>): Promise<PixelBatch[]> {
  const augmentation = { crop: 2, flip: true };
  const loader = trainingLoader(DATASET, { batchSize: 8, seed: 2 ** 40 + 7, augmentation, ...options });
  const batches: PixelBatch[] = [];
  for await (const batch of loader.epoch(EPOCH, 1)) batches.push(batch);
  return batches;
}

/** What a step gets, as numbers. */
const numbersOf = (pixels: PixelBatch) =>
  scope(() => {
    const { images, moreViews, labels, keys } = batchFromPixels(pixels, { seed: 2 ** 40 + 7, epoch: EPOCH });
    const { shape, strides, dtype } = images;
    const values = [images, moreViews?.[0], labels, keys.samples].map((tensor) => tensor?.toNumbers());
    return { shape, strides, dtype, values };
  });

describe("pending augmentation", () => {
  test.each([
    [{}, 1],
    [{ views: ["strong", "weak"] }, 2],
    [{ sampler: "class-balanced" }, 1],
    [{ sampler: "class-balanced", views: ["strong", "strong"] }, 2],
    [{ augmentation: { crop: 0, flip: true } }, 1],
    [{ augmentation: { crop: 3, flip: false } }, 1],
    [{ augmentation: { crop: 9, flip: true } }, 1],
  ] as const)("%j: the step sees the same images, bit for bit", async (options, views) => {
    const [done, pending] = [await batchesOf(options), await batchesOf({ ...options, leavePending: true })];
    expect(pending.map(numbersOf)).toEqual(done.map(numbersOf));
    expect(pending.length).toBe(done.length);
    for (const batch of pending) {
      expect(batch.pending?.views).toBe(views);
      expect(batch.moreViews).toBeUndefined();
      batch.samples.forEach((sample, i) => {
        const index = DATASET.samples.indexOf(sample);
        expect(batch.pixels.subarray(i * 60, (i + 1) * 60)).toEqual(DATASET.pixels(index));
      });
    }
    if ("sampler" in options)
      expect(pending.some((batch) => batch.pending?.streams.some((stream) => stream > views))).toBe(true);
  });

  test("is done by the loader if a policy follows", async () => {
    const options = { augmentation: { crop: 2, flip: true, autoAugment: "v0" } } as const;
    expect(await batchesOf({ ...options, leavePending: true })).toEqual(await batchesOf(options));
  });
});
