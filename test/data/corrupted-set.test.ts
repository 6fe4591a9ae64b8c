import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openCorruptedSet } from "../../src/data/corrupted-set.js";
import { CIFAR_CLASSES } from "../../src/data/datasets/cifar.js";
import { npyHeader } from "../../src/data/datasets/npy.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import type { EvaluationImages } from "../../src/data/opened-data.js";
import { temporaryFolder } from "../support/folders.js";

const SIDE = 16;
const IMAGE_BYTES = SIDE * SIDE * 3;

async function readAll(images: EvaluationImages, batchSize = 2): Promise<PixelBatch[]> {
  const batches: PixelBatch[] = [];
  for await (const batch of images.batches(batchSize)) batches.push(batch);
  return batches;
}

/** An array with `count` images per severity. Every byte of an image is 10 * severity + the image's index. */
function writeArrays(folder: string, corruptions: readonly string[], labels: Uint8Array, count: number): void {
  const pixels = Uint8Array.from({ length: 5 * count * IMAGE_BYTES }, (_, i) => {
    const image = Math.floor(i / IMAGE_BYTES);
    return 10 * (Math.floor(image / count) + 1) + (image % count);
  });
  for (const name of corruptions) {
    writeFileSync(join(folder, `${name}.npy`), Buffer.concat([npyHeader([5 * count, SIDE, SIDE, 3]), pixels]));
  }
  writeFileSync(join(folder, "labels.npy"), Buffer.concat([npyHeader([labels.length]), labels]));
}

describe("the layout of CIFAR-10-C", () => {
  test("returns the images and labels of each severity", async () => {
    const folder = temporaryFolder();
    writeArrays(
      folder,
      ["fog", "contrast"],
      Uint8Array.from({ length: 15 }, (_, i) => [4, 9, 0][i % 3]),
      3,
    );
    const set = openCorruptedSet(folder)!;
    expect(set).toMatchObject({ layout: "cifar-c", corruptions: ["contrast", "fog"], imageSize: SIDE });
    expect(set.classes).toEqual(CIFAR_CLASSES.cifar10);
    expect(set.severities("fog")).toEqual([1, 2, 3, 4, 5]);
    const batches = await readAll(set.images("fog", 4));
    expect(batches.map(({ labels }) => [...labels])).toEqual([[4, 9], [0]]);
    expect(batches.flatMap(({ samples }) => [...samples])).toEqual([0, 1, 2]);
    expect([batches[0].pixels[0], batches[0].pixels.at(-1), batches[1].pixels[0]]).toEqual([40, 41, 42]);
  });

  test("accepts labels of one severity, a limit, and the classes of CIFAR-100", async () => {
    const folder = temporaryFolder();
    writeArrays(folder, ["fog"], Uint8Array.of(10, 99, 3), 3);
    const set = openCorruptedSet(folder, { limitTest: 2 })!;
    expect(set.classes).toEqual(CIFAR_CLASSES.cifar100);
    expect(set.images("fog", 1).length).toBe(2);
    const [batch] = await readAll(set.images("fog", 1));
    expect([...batch.labels]).toEqual([10, 99]);
  });

  test("reports labels, names and arrays that do not fit", () => {
    const folder = temporaryFolder();
    writeArrays(folder, ["fog"], Uint8Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 1), 3);
    expect(() => openCorruptedSet(folder)).toThrow(/does not repeat/);
    writeArrays(folder, ["fog"], Uint8Array.of(0, 1), 3);
    expect(() => openCorruptedSet(folder)).toThrow(/must hold the 3 labels of one severity/);
    writeArrays(folder, ["fog"], Uint8Array.of(0, 1, 200), 3);
    expect(() => openCorruptedSet(folder)).toThrow(/must be below 100/);
    writeArrays(folder, ["fog"], Uint8Array.of(0, 1, 2), 3);
    const set = openCorruptedSet(folder)!;
    expect(() => set.images("frog", 1)).toThrow(/has the corruptions fog; got frog. Did you mean fog\?/);
    expect(() => set.images("fog", 6)).toThrow(/severities 1, 2, 3, 4, 5; got 6/);
    writeFileSync(
      join(folder, "snow.npy"),
      Buffer.concat([npyHeader([5, SIDE, SIDE, 3]), new Uint8Array(5 * IMAGE_BYTES)]),
    );
    expect(() => openCorruptedSet(folder)!.images("snow", 1)).toThrow(/must have one shape/);
    writeFileSync(join(folder, "snow.npy"), npyHeader([0]));
    expect(() => openCorruptedSet(folder)!.images("snow", 1)).toThrow(/must be an array \(5 N, S, S, 3\)/);
  });
});

describe("the layout of ImageNet-C", () => {
  async function writePhoto(path: string, value: number): Promise<void> {
    mkdirSync(join(path, ".."), { recursive: true });
    const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
    await sharp(new Uint8Array(IMAGE_BYTES).fill(value), { raw }).png().toFile(path);
  }

  test("returns the photos of each severity without a crop, in the same order", async () => {
    const folder = temporaryFolder();
    for (const severity of [1, 3]) {
      for (const [i, name] of ["n01/b.png", "n01/a.png", "n02/c.png"].entries()) {
        await writePhoto(join(folder, "fog", String(severity), name), 10 * severity + i);
      }
    }
    await writePhoto(join(folder, "snow", "1", "n02", "c.png"), 99);
    const set = openCorruptedSet(folder, { imageSize: SIDE, workers: 1 })!;
    expect(set).toMatchObject({ layout: "imagenet-c", corruptions: ["fog", "snow"], classes: ["n01", "n02"] });
    expect([set.severities("fog"), set.severities("snow")]).toEqual([[1, 3], [1]]);
    const batches = await readAll(set.images("fog", 3));
    expect(batches.map(({ labels }) => [...labels])).toEqual([[0, 0], [1]]);
    expect(batches.map(({ pixels }) => pixels[0])).toEqual([31, 32]);
    const [snow] = await readAll(set.images("snow", 1));
    expect([snow.labels[0], snow.pixels[0]]).toEqual([1, 99]);
    expect(() => set.images("snow", 3)).toThrow(/snow in .* has the severities 1; got 3/);
    await writePhoto(join(folder, "snow", "1", "n03", "d.png"), 99);
    expect(() => set.images("snow", 1)).toThrow(/n03 is in/);
  });

  test("is not recognised in a folder of classes or a missing folder", async () => {
    const folder = temporaryFolder();
    await writePhoto(join(folder, "cat", "a.png"), 1);
    expect(openCorruptedSet(folder)).toBeUndefined();
    expect(openCorruptedSet(join(folder, "nowhere"))).toBeUndefined();
  });
});
