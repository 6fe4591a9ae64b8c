import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, onTestFinished, test } from "vitest";
import { scanImageFolder } from "../../src/data/folders/image-folder.js";
import { checkData } from "../../src/data/inspection/check.js";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { openData, openInMemory } from "../../src/data/open-data.js";
import type { OpenDataOptions } from "../../src/data/opened-data.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { testData } from "../support/data.js";
import { makeDataset } from "../support/datasets.js";
import { codedError, codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { picture, writeClasses } from "../support/photos.js";

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
    // The identities of the photos are their indices in the whole folder: together all of them.
    expect(samples.flat().sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
    expect(data.statistics()!.images).toBe(28);

    const again = await open(flat, { split: JSON.parse(JSON.stringify(data.split)), seed: 99 });
    expect(again.split).toEqual(data.split);
    expect((await collect(again.validation!.batches(8))).flatMap((batch) => [...batch.samples])).toEqual(samples[1]);
  });

  test("uses existing parts, and splits off only missing ones that are requested", async () => {
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

  test("unreadable photos are refused before training, also those of the test part, or left out", async () => {
    const root = temporaryFolder();
    await writeClasses(join(root, "train"), { cat: 6, dog: 6 });
    await writeClasses(join(root, "test"), { cat: 4, dog: 4 }, 100);
    truncateSync(join(root, "test/cat/002.jpg"), 300);
    writeFileSync(join(root, "train/dog/001.jpg"), "");
    const refused = await codedRejection(open(root, { onBadImage: "fail" }));
    expect([refused.code, refused.exitCode]).toEqual(["ERR_BAD_IMAGES", 2]);
    expect(refused.message).toContain("2 photos of");
    expect(refused.message).toContain("  train/dog/001.jpg: it is empty\n  test/cat/002.jpg: it is a JPEG, truncated");
    const many = await codedRejection(open(root, { onBadImage: "skip", maxBad: 1 }));
    expect(many.message).toContain("at most 1 may be skipped");
    const data = await open(root, { onBadImage: "skip", parts: ["train", "test"] });
    expect(data.sizes).toEqual({ train: 11, test: 7 });
    expect(data.leftOut().map(({ file }) => file)).toEqual(["train/dog/001.jpg", "test/cat/002.jpg"]);
    expect(data.photos!.map(({ part }) => part).filter((part) => part === "test")).toHaveLength(7);
    // The other photos keep the identities that they have in the whole part.
    const [batch] = await collect(data.test!.batches(8));
    expect([...batch.samples]).toEqual([0, 1, 3, 4, 5, 6, 7]);
    // Without training, only the parts that are evaluated are checked.
    expect((await open(root, { parts: ["test"], onBadImage: "skip" })).leftOut()).toHaveLength(1);
  });

  test("a class without a readable photo is refused by name", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { cat: 6, dog: 6, eel: 2 });
    for (const name of ["eel/000.jpg", "eel/001.jpg"]) writeFileSync(join(root, name), "");
    const error = await codedRejection(open(root, { onBadImage: "skip" }));
    expect([error.code, error.message]).toEqual([
      "ERR_DATA_CLASSES",
      expect.stringContaining("no readable training photo of eel."),
    ]);
  });

  test("notes which classes are missing in a part after a split, and why, and what a limit leaves out", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { cat: 20, dog: 20, eel: 1 });
    mkdirSync(join(root, "film"));
    const frame = await picture(500).png().toBuffer();
    for (let i = 0; i < 12; i++) {
      await sharp(frame)
        .modulate({ brightness: 1 + i / 100 })
        .toFile(join(root, "film", `${i}.jpg`));
    }
    const data = await open(root, { parts: ["train", "validation", "test"] });
    expect(data.notes).toEqual([
      "Class eel has no validation photos and no test photos, because there are too few photos.",
      "Class film has no validation photos and no test photos, because near-duplicates stay in one part.",
    ]);
    const limited = await open(divided, { limitTrain: 1 });
    expect(limited.notes).toEqual(["There are no training images of dog."]);
  });

  test("limits are draws by class and seed", async () => {
    const data = await open(divided, { limitTrain: 6, limitTest: 2, parts: ["train", "test"] });
    expect([data.train!.length, data.test!.length]).toEqual([6, 2]);
    const other = await open(divided, { limitTrain: 6, seed: 4 });
    const samples = async (part: typeof data.train) =>
      (await collect(part!.loader(6).epoch(0, 0))).flatMap((batch) => [...batch.samples]).sort();
    expect(await samples(other.train)).not.toEqual(await samples(data.train));
  });

  test("previews the same photos of every class each time", async () => {
    const data = await open(flat);
    const preview = await data.preview(6);
    expect([...preview.labels].sort()).toEqual([0, 0, 0, 1, 1, 1]);
    expect(await data.preview(6)).toEqual(preview);
  });

  test("refuses a missing part, and folders without a data set", async () => {
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
  test("opens CIFAR with the same batches as its own loaders", async () => {
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

  test("opens sets made by a program, with their own validation set", async () => {
    const train = makeDataset({ length: 12, classes: 2, height: 8, width: 8 });
    const options = { ...OPTIONS, imageSize: 8, validationFraction: 0.5 };
    const data = openInMemory(
      { train, validation: makeDataset({ length: 6, classes: 2, height: 8, width: 8 }) },
      options,
    );
    expect([data.train!.length, data.validation!.length]).toEqual([12, 6]);
    expect(data.notes).toEqual([]);
    const few = openInMemory({ train }, { ...options, validationFraction: null, limitTrain: 1 });
    expect(few.notes).toEqual(["There are no training images of class 1."]);
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

  test("can be trained on; one picture is in two classes", async () => {
    const report = await checkData(clothing!);
    expect([report.ok, report.images]).toEqual([true, 3781]);
    const confused = report.findings.filter(({ code }) => code === "near-duplicates-across-classes");
    expect(confused.map(({ files }) => files.map((file) => file.split("/")[1]))).toEqual([["shorts", "skirt"]]);
  });

  test("returns the first batch of an epoch, and the whole test part", async () => {
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
