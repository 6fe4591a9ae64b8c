import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subset } from "../../../src/data/datasets/subset.js";
import type { PixelBatch } from "../../../src/data/loading/batch.js";
import { evaluationBatches, type TrainingLoaderOptions, trainingLoader } from "../../../src/data/loading/loader.js";
import type { ViewSource } from "../../../src/data/loading/view-sources.js";
import { autoAugment } from "../../../src/images/augmentation/auto-augment.js";
import { KeyedRandom, Purpose } from "../../../src/random.js";
import { makeDataset } from "../../support/datasets.js";
import { codedError } from "../../support/errors.js";

const AUGMENTED = { crop: 2, flip: true, autoAugment: "v0" } as const;
const PLAIN = { crop: 0, flip: false };

async function collect(batches: AsyncIterable<PixelBatch>): Promise<PixelBatch[]> {
  const all: PixelBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** Pixels of each sample of an epoch, by identity. */
async function epochImages(dataset: ReturnType<typeof subset>, options: TrainingLoaderOptions, epoch: number) {
  const images = new Map<number, Uint8Array>();
  for (const batch of await collect(trainingLoader(dataset, options).epoch(epoch, 0))) {
    const bytes = batch.height * batch.width * 3;
    batch.samples.forEach((sample, i) => {
      images.set(sample, batch.pixels.subarray(i * bytes, (i + 1) * bytes));
    });
  }
  return images;
}

const TWO = ["strong", "strong"] as const;

describe("trainingLoader", () => {
  test("without augmentation returns each image once, unchanged and with its label, and drops the rest", async () => {
    const dataset = makeDataset({ length: 23, classes: 3 });
    const loader = trainingLoader(dataset, { batchSize: 5, seed: 3, augmentation: PLAIN });
    const batches = await collect(loader.epoch(0, 0));
    expect(loader.stepsPerEpoch).toBe(4);
    expect(batches.map((batch) => batch.labels.length)).toEqual([5, 5, 5, 5]);
    const seen = batches.flatMap((batch) => [...batch.samples]);
    expect(new Set(seen).size).toBe(20);
    expect(seen).not.toEqual([...seen].sort((a, b) => a - b));
    const bytes = 4 * 5 * 3;
    for (const batch of batches) {
      batch.samples.forEach((sample, i) => {
        expect(batch.labels[i]).toBe(dataset.labels[sample]);
        expect(batch.pixels.subarray(i * bytes, (i + 1) * bytes)).toEqual(dataset.pixels(sample));
      });
    }
  });

  test("is reproducible, and a start in the middle gives the same as skipped steps", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(20), fc.nat(4), async (seed, epoch, firstStep) => {
        const dataset = makeDataset({ length: 17, classes: 2 });
        const make = () => trainingLoader(dataset, { batchSize: 4, seed, augmentation: AUGMENTED });
        const whole = await collect(make().epoch(epoch, 0));
        expect(await collect(make().epoch(epoch, firstStep))).toEqual(whole.slice(firstStep));
      }),
    );
  });

  test("returns a second view of the same images, with its own crop and flip", async () => {
    const dataset = makeDataset({ length: 40, classes: 2 });
    const options = { batchSize: 40, seed: 1, augmentation: AUGMENTED };
    const [one] = await collect(trainingLoader(dataset, options).epoch(0, 0));
    const [two] = await collect(trainingLoader(dataset, { ...options, views: TWO }).epoch(0, 0));
    expect(one.moreViews).toBeUndefined();
    expect({ ...two, moreViews: undefined }).toEqual({ ...one, moreViews: undefined });
    expect(two.moreViews).not.toEqual([two.pixels]);
    const [plain] = await collect(trainingLoader(dataset, { ...options, augmentation: PLAIN, views: TWO }).epoch(0, 0));
    expect(plain.moreViews).toEqual([plain.pixels]);
  });

  test("returns plain, weak and strong views, each with its own draws", async () => {
    const dataset = makeDataset({ length: 40, classes: 2 });
    const options = { batchSize: 40, seed: 1, augmentation: AUGMENTED };
    const viewsOf = async (...views: ViewSource[]) => {
      const [{ pixels, moreViews = [] }] = await collect(trainingLoader(dataset, { ...options, views }).epoch(0, 0));
      return [pixels, ...moreViews];
    };
    const [plain, weak, strong] = await viewsOf("plain", "weak", "strong");
    const images = (pixels: Uint8Array) =>
      new Set(
        Array.from({ length: 40 }, (_, i) =>
          String(pixels.subarray((i * plain.length) / 40, ((i + 1) * plain.length) / 40)),
        ),
      );
    expect(images(plain)).toEqual(new Set(Array.from({ length: 40 }, (_, i) => String(dataset.pixels(i)))));
    expect(weak).not.toEqual(plain);
    // Weak views are those of a loader without a policy. A strong view is a weak one after the policy.
    const [first] = await collect(
      trainingLoader(dataset, { ...options, augmentation: { ...AUGMENTED, autoAugment: "none" } }).epoch(0, 0),
    );
    const [weakFirst] = await viewsOf("weak", "plain", "strong");
    expect(weakFirst).toEqual(first.pixels);
    expect(strong).not.toEqual((await viewsOf("plain", "strong", "weak"))[2]);
    expect((await viewsOf("weak", "plain", "strong"))[2]).toEqual(strong);
  });

  test("shuffles each epoch differently", async () => {
    const loader = trainingLoader(makeDataset({ length: 40, classes: 2 }), {
      batchSize: 40,
      seed: 0,
      augmentation: PLAIN,
    });
    const [first] = await collect(loader.epoch(0, 0));
    const [second] = await collect(loader.epoch(1, 0));
    expect(first.samples).not.toEqual(second.samples);
  });

  test("crops and flips each image differently in each epoch", async () => {
    const dataset = makeDataset({ length: 30, classes: 2 });
    for (const augmentation of [
      { crop: 2, flip: false },
      { crop: 0, flip: true },
    ]) {
      const options = { batchSize: 30, seed: 4, augmentation };
      const first = await epochImages(dataset, options, 0);
      expect(await epochImages(dataset, options, 1)).not.toEqual(first);
    }
  });

  test("the augmentation of an image does not depend on batch size, order or the other images", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(5),
        fc.integer({ min: 1, max: 9 }),
        fc.shuffledSubarray([...Array(16).keys()], { minLength: 9 }),
        async (seed, epoch, batchSize, indices) => {
          const dataset = makeDataset({ length: 16, classes: 2 });
          const all = await epochImages(dataset, { batchSize: 1, seed, augmentation: AUGMENTED }, epoch);
          const some = await epochImages(subset(dataset, indices), { batchSize, seed, augmentation: AUGMENTED }, epoch);
          expect(some.size).toBe(Math.floor(indices.length / batchSize) * batchSize);
          for (const [sample, pixels] of some) expect(pixels).toEqual(all.get(sample));
        },
      ),
    );
  });

  test("applies the policy last, after crop and flip", async () => {
    const dataset = makeDataset({ length: 40, classes: 2 });
    const options = { batchSize: 40, seed: 8, augmentation: { crop: 2, flip: true } };
    const before = await epochImages(dataset, options, 3);
    const after = await epochImages(dataset, { ...options, augmentation: AUGMENTED }, 3);
    expect(after).not.toEqual(before);
    for (const [sample, pixels] of before) {
      const { height, width } = dataset;
      autoAugment({ pixels, height, width }, new KeyedRandom(8, Purpose.augmentation, 3, sample));
      expect(after.get(sample)).toEqual(pixels);
    }
  });

  test("reaches every window and flips half of the images", async () => {
    const height = 3;
    const width = 3;
    const length = 2000;
    // A bright pixel in the centre and a darker one to its left. The positions of both tell the window and the flip.
    const pixels = new Uint8Array(length * height * width * 3);
    const base = makeDataset({ length, classes: 1, height, width });
    for (let i = 0; i < length; i++) {
      pixels[(i * 9 + 4) * 3] = 255;
      pixels[(i * 9 + 3) * 3] = 100;
    }
    const lit = { ...subset(base, base.samples), pixels: (i: number) => pixels.subarray(i * 27, (i + 1) * 27) };
    const images = await epochImages(lit, { batchSize: 100, seed: 5, augmentation: { crop: 1, flip: true } }, 0);
    const counts = new Map<string, number>();
    for (const image of images.values()) {
      const name = image.filter((_, i) => i % 3 === 0).join(",");
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    // The bright pixel has nine positions. The darker one is on either side of it or cut off: 18 different images.
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBe(length);
    expect(counts.size).toBe(18);
    const expected = length / 18;
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 17 degrees of freedom: above 40.8 with probability 0.001.
    expect(chiSquared).toBeLessThan(40.8);
  });

  test("refuses invalid options", () => {
    const dataset = makeDataset({ length: 10, classes: 2 });
    const make = (options: Partial<TrainingLoaderOptions>) => () =>
      trainingLoader(dataset, { batchSize: 4, seed: 0, augmentation: PLAIN, ...options });
    expect(codedError(make({ batchSize: 0 })).code).toBe("ERR_BATCH_SIZE");
    expect(codedError(make({ batchSize: 2.5 })).code).toBe("ERR_BATCH_SIZE");
    expect(codedError(make({ batchSize: 11 })).message).toMatch(/at most 10.*got 11/);
    expect(codedError(make({ seed: -1 })).code).toBe("ERR_SEED");
    expect(codedError(make({ augmentation: { crop: -1, flip: false } })).code).toBe("ERR_AUGMENTATION");
  });
});

describe("evaluationBatches", () => {
  test("returns every image in order, the last batch smaller, and can be iterated again", () => {
    fc.assert(
      fc.property(fc.nat(30), fc.integer({ min: 1, max: 12 }), (length, batchSize) => {
        const dataset = makeDataset({ length, classes: 3 });
        const batches = evaluationBatches(dataset, batchSize);
        for (let pass = 0; pass < 2; pass++) {
          const all = [...batches];
          expect(all.length).toBe(Math.ceil(length / batchSize));
          expect(all.flatMap((batch) => [...batch.samples])).toEqual([...dataset.samples]);
          expect(all.flatMap((batch) => [...batch.labels])).toEqual([...dataset.labels]);
          const pixels = Uint8Array.from(all.flatMap((batch) => [...batch.pixels]));
          const expected = Array.from({ length }, (_, i) => [...dataset.pixels(i)]).flat();
          expect([...pixels]).toEqual(expected);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("refuses a batch size of 0", () => {
    expect(codedError(() => evaluationBatches(makeDataset({ length: 1, classes: 1 }), 0)).code).toBe("ERR_BATCH_SIZE");
  });
});
