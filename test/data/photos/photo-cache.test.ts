/** Crops of photos that are kept in memory are as sharp as crops of the files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { copySide, copySize, isKept, keptShare } from "../../../src/data/photos/photo-cache.js";
import { trainingPhotos } from "../../../src/data/photos/photo-loader.js";
import type { PhotoSet } from "../../../src/data/photos/photo-set.js";
import { INCEPTION_CROP, randomResizedCrop, scaleRegion } from "../../../src/images/crop.js";
import { imageSize } from "../../../src/images/cut.js";
import { KeyedRandom, Purpose } from "../../../src/random.js";
import { testData } from "../../support/data.js";
import { sharedTemporaryFolder } from "../../support/folders.js";
import { trainingSet, writeClasses } from "../../support/photos.js";

const folder = sharedTemporaryFolder();
await writeClasses(folder, { cat: 10, dog: 10 });
const photos = trainingSet(folder);

/** Every `step`-th photo of a set. */
function sparse(set: PhotoSet, step: number): PhotoSet {
  const chosen = set.files.map((_, i) => i).filter((i) => i % step === 0);
  return {
    ...set,
    length: chosen.length,
    files: chosen.map((i) => set.files[i]),
    labels: Int32Array.from(chosen, (i) => set.labels[i]),
    samples: Uint32Array.from(chosen, (i) => set.samples[i]),
  };
}

/**
 * Mean over images and pixels of |4 y - the sum of its four neighbours|, where y is the luminance (ITU-R BT.601) in grey
 * levels.
 */
function sharpness(pixels: Uint8Array, size: number): number {
  let sum = 0;
  let count = 0;
  const luma = (at: number) => 0.299 * pixels[3 * at] + 0.587 * pixels[3 * at + 1] + 0.114 * pixels[3 * at + 2];
  for (let first = 0; first < pixels.length / 3; first += size * size) {
    for (let y = 1; y < size - 1; y++) {
      for (let x = 1; x < size - 1; x++, count++) {
        const at = first + y * size + x;
        sum += Math.abs(4 * luma(at) - luma(at - 1) - luma(at + 1) - luma(at - size) - luma(at + size));
      }
    }
  }
  return sum / count;
}

/** Every photo once, in one batch, cropped by the draws of an epoch. */
async function crops(set: PhotoSet, size: number, cacheBytes: number, epoch: number): Promise<Uint8Array> {
  const loader = trainingPhotos(set, { batchSize: set.length, size, seed: 1, workers: 1, cacheBytes });
  try {
    for await (const { pixels } of loader.epoch(epoch, 0)) return pixels;
    throw new Error("an epoch has a batch");
  } finally {
    await loader.close();
  }
}

describe("the photos that are kept", () => {
  test("all where they fit; else a share that fills the memory, spread evenly whatever the order", async () => {
    const side = copySide(24, INCEPTION_CROP);
    expect(await keptShare(photos, 1e9, side)).toBe(1);
    const all = await Promise.all(
      photos.files.map(async (file) => {
        const { width, height } = copySize(await imageSize(readFileSync(join(photos.root, file)), file), side);
        return 3 * width * height;
      }),
    );
    const total = all.reduce((sum, bytes) => sum + bytes, 0);
    // 5 % is left free, since the mean size is estimated from a sample.
    expect(await keptShare(photos, total / 2, side)).toBeCloseTo(0.95 / 2, 10);
    for (const share of [0.1, 0.5, 0.8]) {
      // The same is true for the photos that one of three workers reads.
      for (const [step, from] of [
        [1, 0],
        [3, 0],
        [3, 2],
        [2, 1],
      ]) {
        const read = Array.from({ length: 2000 }, (_, i) => from + step * i);
        expect(Math.abs(read.filter((index) => isKept(index, share)).length / 2000 - share)).toBeLessThan(0.005);
      }
    }
    expect([0, 1, 12345].some((index) => isKept(index, 0))).toBe(false);
    expect([0, 1, 12345].every((index) => isKept(index, 1))).toBe(true);
  });

  test("a copy is never larger than the photo, and the smallest crop of it has the pixels of an image", () => {
    expect(copySide(128, INCEPTION_CROP)).toBe(453);
    expect(copySide(128, { area: [0.25, 1], aspect: [1, 1] })).toBe(256);
    expect(copySize({ width: 1600, height: 1200 }, 453)).toEqual({ width: 604, height: 453 });
    expect(copySize({ width: 160, height: 213 }, 453)).toEqual({ width: 160, height: 213 });
  });
});

const clothing = testData("clothing-small");

describe.skipIf(clothing === undefined)("crops of real photos (clothing-small, short side 160) at 32 pixels", () => {
  const SIZE = 32;
  const set = () => sparse(trainingSet(clothing!), 20);

  test("hardly any is enlarged, whether from the file or from a copy of 114 pixels", async () => {
    const chosen = set();
    const side = copySide(SIZE, INCEPTION_CROP);
    expect(side).toBe(114);
    let enlarged = 0;
    let count = 0;
    for (const [i, file] of chosen.files.entries()) {
      const photo = await imageSize(readFileSync(join(chosen.root, file)), file);
      const copy = copySize(photo, side);
      expect(Math.min(copy.width, copy.height)).toBe(side);
      for (let epoch = 0; epoch < 10; epoch++, count++) {
        const random = new KeyedRandom(1, Purpose.crop, epoch, chosen.samples[i]);
        const region = randomResizedCrop(photo.width, photo.height, random, INCEPTION_CROP);
        const { width, height } = scaleRegion(region, photo, copy);
        if (width < SIZE || height < SIZE) enlarged++;
      }
    }
    // From copies with a short side of 64 it would be a fifth.
    expect(enlarged / count).toBeLessThan(0.01);
  });

  test("crops of copies show the same as crops of files, and are as sharp", async () => {
    const chosen = set();
    const [files, copies] = [await crops(chosen, SIZE, 0, 0), await crops(chosen, SIZE, 1e9, 0)];
    expect(Buffer.compare(files, copies)).not.toBe(0);
    const difference = files.reduce((sum, value, i) => sum + Math.abs(value - copies[i]), 0) / files.length;
    // Edges of a region are rounded to the copy's pixels; another crop of the same photo differs by some 40 grey levels.
    expect(difference).toBeLessThan(3);
    expect(Math.abs(sharpness(copies, SIZE) / sharpness(files, SIZE) - 1)).toBeLessThan(0.02);
  });

  test("crops are bit for bit the same where the copy has the size of the photo", async () => {
    const chosen = sparse(set(), 5);
    const [files, copies] = [await crops(chosen, 64, 0, 2), await crops(chosen, 64, 1e9, 2)];
    expect(Buffer.compare(files, copies)).toBe(0);
  });
});
