import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkData } from "../../src/data/check.js";
import { scanImageFolder } from "../../src/data/image-folder.js";
import type { PixelBatch } from "../../src/data/loader.js";
import { type OpenDataOptions, openData, openInMemory } from "../../src/data/open-data.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { testData } from "../support/data.js";
import { makeDataset } from "../support/datasets.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const OPTIONS: OpenDataOptions = {
  seed: 3,
  imageSize: 24,
  workers: 1,
  augmentation: { crop: 0, flip: true },
};

async function open(path: string, options: Partial<OpenDataOptions> = {}) {
  const data = await openData(path, { ...OPTIONS, ...options });
  onTestFinished(() => data.close());
  return data;
}

async function collect(batches: AsyncIterable<PixelBatch>): Promise<PixelBatch[]> {
  const all: PixelBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const flat = sharedTemporaryFolder();
await writeClasses(flat, { cat: 20, dog: 20 });
const divided = sharedTemporaryFolder();
await writeClasses(join(divided, "train"), { cat: 10, dog: 10 });
await writeClasses(join(divided, "test"), { dog: 5 }, 100);

describe("openData on photos", () => {
  test("without parts splits in three, and uses a saved split again", async () => {
    const data = await open(flat, { parts: ["train", "validation", "test"] });
    expect([data.classes, data.imageSize]).toEqual([["cat", "dog"], 24]);
    expect([data.train!.length, data.validation!.length, data.test!.length]).toEqual([28, 6, 6]);
    const loader = data.train!.loader(4);
    expect(loader.stepsPerEpoch).toBe(7);
    const parts = [loader.epoch(0, 0), data.validation!.batches(8), data.test!.batches(8)];
    const samples = (await Promise.all(parts.map(collect))).map((all) => all.flatMap((batch) => [...batch.samples]));
    // The identities of the photos in the whole folder: together all of them.
    expect(samples.flat().sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
    expect(data.statistics()!.images).toBe(28);

    const again = await open(flat, { split: JSON.parse(JSON.stringify(data.split)), seed: 99 });
    expect(again.split).toEqual(data.split);
    expect((await collect(again.validation!.batches(8))).flatMap((batch) => [...batch.samples])).toEqual(samples[1]);
  });

  test("uses the parts that there are, and splits only what is missing and asked for", async () => {
    const plain = await open(divided);
    expect([plain.train!.length, plain.validation, plain.test, plain.split]).toEqual([
      20,
      undefined,
      undefined,
      undefined,
    ]);
    const split = await open(divided, { validationFraction: 0.2, parts: ["train", "validation", "test"] });
    expect([split.train!.length, split.validation!.length, split.test!.length]).toEqual([16, 4, 5]);
    const [tested] = await collect(split.test!.batches(8));
    expect([...tested.labels]).toEqual([1, 1, 1, 1, 1]);
    const onlyTest = await open(divided, { validationFraction: 0.2, parts: ["test"] });
    expect([onlyTest.train, onlyTest.validation, onlyTest.split]).toEqual([undefined, undefined, undefined]);
  });

  test("limits are draws by class and seed", async () => {
    const data = await open(divided, { limitTrain: 6, limitTest: 2, parts: ["train", "test"] });
    expect([data.train!.length, data.test!.length]).toEqual([6, 2]);
    const other = await open(divided, { limitTrain: 6, seed: 4 });
    const samples = async (part: typeof data.train) =>
      (await collect(part!.loader(6).epoch(0, 0))).flatMap((batch) => [...batch.samples]).sort();
    expect(await samples(other.train)).not.toEqual(await samples(data.train));
  });

  test("previews photos of every class, always the same", async () => {
    const data = await open(flat);
    const preview = await data.preview(6);
    expect([...preview.labels].sort()).toEqual([0, 0, 0, 1, 1, 1]);
    expect(await data.preview(6)).toEqual(preview);
  });

  test("refuses a part that is not there, and what is no data set", async () => {
    const trainOnly = temporaryFolder();
    await writeClasses(join(trainOnly, "train"), { a: 1, b: 1 });
    const error = await codedRejection(open(trainOnly, { parts: ["test"] }));
    expect(error.code).toBe("ERR_DATA_MISSING");
    expect(error.message).toContain("has no folder test, only train");
    const layout = await codedRejection(open(temporaryFolder()));
    expect(layout.code).toBe("ERR_DATA_LAYOUT");
    expect(layout.message).toMatch(/photos: a folder per class/);
    expect((await codedRejection(open("/nowhere"))).code).toBe("ERR_DATA_MISSING");
  });
});

describe("openData on images in memory", () => {
  test("opens CIFAR as its own loaders do", async () => {
    const path = join(temporaryFolder(), "cifar");
    writeCifar10(
      path,
      cifarRecord([3], () => 9),
    );
    const parts = ["train", "validation", "test"] as const;
    const limits = { limitTrain: 100, limitTest: 20, validationFraction: 0.2 };
    const data = await open(path, { imageSize: null, parts, ...limits });
    expect([data.name, data.imageSize, data.classes.length]).toEqual(["cifar10", 32, 10]);
    expect([data.train!.length, data.validation!.length, data.test!.length]).toEqual([80, 20, 20]);
    const batches = await collect(data.test!.batches(8));
    expect(batches.map(({ labels }) => labels.length)).toEqual([8, 8, 4]);
    expect(batches[0].labels[0]).toBe(3);
    expect(data.statistics()).toBeUndefined();
    expect((await data.preview(5)).labels.length).toBe(5);
    expect((await codedRejection(open(path, { imageSize: 64 }))).code).toBe("ERR_IMAGE_SIZE");
  });

  test("opens sets that a program makes, with a validation set of their own", async () => {
    const train = makeDataset({ length: 12, classes: 2, height: 8, width: 8 });
    const options = { ...OPTIONS, imageSize: 8, validationFraction: 0.5 };
    const data = openInMemory(
      { train, validation: makeDataset({ length: 6, classes: 2, height: 8, width: 8 }) },
      options,
    );
    expect([data.train!.length, data.validation!.length]).toEqual([12, 6]);
    expect(codedError(() => openInMemory({}, options)).code).toBe("ERR_DATA_MISSING");
  });
});

const clothing = testData("clothing-small");

describe.skipIf(clothing === undefined)("clothing-small", () => {
  test("is three parts of ten classes", () => {
    const { classes, parts } = scanImageFolder(clothing!)!;
    expect(classes).toHaveLength(10);
    expect([parts.train!.length, parts.validation!.length, parts.test!.length]).toEqual([3068, 341, 372]);
  });

  test("is fit to train on, with one picture in two classes", async () => {
    const report = await checkData(clothing!);
    expect([report.ok, report.images]).toEqual([true, 3781]);
    const confused = report.findings.filter(({ code }) => code === "near-duplicates-across-classes");
    expect(confused.map(({ files }) => files.map((file) => file.split("/")[1]))).toEqual([["shorts", "skirt"]]);
  });

  test("gives its photos: an epoch's start, and all of the test part", async () => {
    const data = await open(clothing!, {
      imageSize: 64,
      workers: 2,
      parts: ["train", "test"],
    });
    const loader = data.train!.loader(64);
    expect(loader.stepsPerEpoch).toBe(47);
    let step = 0;
    for await (const { labels, pixels } of loader.epoch(0, 0)) {
      expect([labels.length, pixels.length]).toEqual([64, 64 * 64 * 64 * 3]);
      if (++step === 3) break;
    }
    const batches = await collect(data.test!.batches(100));
    expect(batches.map(({ labels }) => labels.length)).toEqual([100, 100, 100, 72]);
    const mean = batches[0].pixels.reduce((sum, value) => sum + value, 0) / batches[0].pixels.length;
    expect(mean).toBeGreaterThan(80);
    expect(mean).toBeLessThan(200);
  });
});
