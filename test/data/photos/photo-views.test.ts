/** Two views of each photo in a batch, for training on both. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, onTestFinished, test } from "vitest";
import type { PixelBatch } from "../../../src/data/loading/batch.js";
import { evaluationPhotos, type TrainingPhotoOptions, trainingPhotos } from "../../../src/data/photos/photo-loader.js";
import type { PhotoSet } from "../../../src/data/photos/photo-set.js";
import { temporaryFolder } from "../../support/folders.js";

const SIZE = 16;
const COUNT = 9;
const TWO = ["strong", "strong"] as const;

/** Photos of noise. The broken ones are not images. */
async function writePhotos(...broken: number[]): Promise<PhotoSet> {
  const root = temporaryFolder();
  const files = Array.from({ length: COUNT }, (_, i) => `photo-${i}.png`);
  for (const [i, file] of files.entries()) {
    const pixels = Buffer.from(
      Array.from({ length: 32 * 40 * 3 }, (_, j) => Math.imul(j + 7919 * i, 2654435761) >>> 24),
    );
    await sharp(pixels, { raw: { width: 40, height: 32, channels: 3 } }).toFile(join(root, file));
  }
  for (const i of broken) writeFileSync(join(root, files[i]), "no image");
  return {
    name: "noise",
    classes: ["a", "b", "c"],
    length: COUNT,
    root,
    files,
    labels: Int32Array.from(files, (_, i) => i % 3),
    samples: Uint32Array.from(files, (_, i) => 100 + i),
  };
}

async function read(
  set: PhotoSet,
  options: Partial<TrainingPhotoOptions>,
  epoch = 0,
  firstStep = 0,
): Promise<PixelBatch[]> {
  const loader = trainingPhotos(set, { batchSize: 4, size: SIZE, seed: 3, workers: 2, ...options });
  onTestFinished(() => loader.close());
  const batches: PixelBatch[] = [];
  for await (const batch of loader.epoch(epoch, firstStep)) batches.push(batch);
  return batches;
}

test("the first view equals that of a loader with one view, the second is another crop of the same photos", async () => {
  const set = await writePhotos();
  const one = await read(set, {});
  const two = await read(set, { views: TWO });
  expect(two.map((batch) => ({ ...batch, moreViews: undefined }))).toEqual(
    one.map((batch) => ({ ...batch, moreViews: undefined })),
  );
  for (const { pixels, moreViews } of two) {
    expect(moreViews).toHaveLength(1);
    expect(moreViews?.[0]).toHaveLength(pixels.length);
    expect(moreViews?.[0]).not.toEqual(pixels);
  }
  expect(await read(set, { views: TWO }, 0, 1)).toEqual(two.slice(1));
});

test("a photo that cannot be read is missing from both views", async () => {
  const whole = await read(await writePhotos(), { views: TWO });
  const bytes = SIZE * SIZE * 3;
  const views = ({ samples, pixels, moreViews }: PixelBatch) =>
    Array.from(samples, (sample, i) => {
      const range = [i * bytes, (i + 1) * bytes] as const;
      return [sample, { first: pixels.slice(...range), second: moreViews?.[0].slice(...range) }] as const;
    });
  const complete = new Map(whole.flatMap(views));
  const broken = Number([...complete.keys()][1]);
  const left = (await read(await writePhotos(broken - 100), { views: TWO, onBadImage: "skip" })).flatMap(views);
  expect(left.map(([sample]) => sample)).toEqual([...complete.keys()].filter((sample) => sample !== broken));
  for (const [sample, seen] of left) expect(seen).toEqual(complete.get(sample));
});

test("visits are counted in the same way with one view and with two, also where photos cannot be read", async () => {
  // One photo of class 1 and eight photos of class 0: the first has four or five visits.
  const set = { ...(await writePhotos(3)), labels: Int32Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0) };
  const options = { sampler: "class-balanced", onBadImage: "skip" } as const;
  const [one, two] = [await read(set, options), await read(set, { ...options, views: TWO })];
  const visits = ({ samples, repeats = samples.map(() => 0) }: PixelBatch) =>
    Array.from(samples, (sample, i) => [sample, repeats[i]]);
  expect(two.flatMap(visits)).toEqual(one.flatMap(visits));
  const rare = one.flatMap(visits).filter(([sample]) => sample === 101);
  expect(rare.map(([, repeat]) => repeat)).toEqual(rare.map((_, i) => i));
  expect(rare.length).toBeGreaterThan(2);
});

test("a plain view equals the photo in evaluation, whatever is kept in memory", async () => {
  const set = await writePhotos();
  const evaluated = evaluationPhotos(set, { batchSize: COUNT, size: SIZE, workers: 1 });
  onTestFinished(() => evaluated.close());
  const expected = new Map<number, Uint8Array>();
  const bytes = SIZE * SIZE * 3;
  for await (const { samples, pixels } of evaluated) {
    samples.forEach((sample, i) => {
      expected.set(sample, pixels.slice(i * bytes, (i + 1) * bytes));
    });
  }
  for (const cacheBytes of [0, 1e7]) {
    for (const { samples, pixels, moreViews } of await read(set, {
      views: ["weak", "plain"],
      autoAugment: "v0",
      cacheBytes,
    })) {
      samples.forEach((sample, i) => {
        expect(moreViews?.[0].slice(i * bytes, (i + 1) * bytes)).toEqual(expected.get(sample));
        expect(pixels.slice(i * bytes, (i + 1) * bytes)).not.toEqual(expected.get(sample));
      });
    }
  }
});

test("a weak view is a strong one without its policy", async () => {
  const set = await writePhotos();
  const [weak, none] = [await read(set, { views: ["weak"], autoAugment: "v0" }), await read(set, {})];
  expect(weak).toEqual(none);
  expect(await read(set, { views: ["strong"], autoAugment: "v0" })).not.toEqual(none);
});

test("every setting of the augmentation reaches the workers, whatever their number", async () => {
  const set = await writePhotos();
  const strong = {
    autoAugment: "rand-augment",
    randAugment: { operations: 3, magnitude: 20 },
    colorJitter: 0.4,
    randomErasing: 1,
  } as const;
  const one = await read(set, { ...strong, workers: 1 });
  expect(await read(set, { ...strong, workers: 2 })).toEqual(one);
  for (const key of Object.keys(strong) as (keyof typeof strong)[]) {
    expect((await read(set, { ...strong, [key]: undefined }))[0].pixels, key).not.toEqual(one[0].pixels);
  }
});
