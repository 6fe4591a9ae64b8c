import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PixelBatch } from "../../../src/data/loading/batch.js";
import {
  type EvaluationPhotoOptions,
  evaluationPhotos,
  type PhotoSource,
  type TrainingPhotoOptions,
  trainingPhotos,
} from "../../../src/data/photos/photo-loader.js";
import type { PhotoSet } from "../../../src/data/photos/photo-set.js";
import { autoAugment } from "../../../src/images/augmentation/auto-augment.js";
import { INCEPTION_CROP, randomResizedCrop } from "../../../src/images/crop.js";
import { resizeRegion } from "../../../src/images/resize.js";
import { KeyedRandom, Purpose } from "../../../src/random.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { picture, trainingSet, writeClasses, writePicture } from "../../support/photos.js";

const SIZE = 24;
const folder = sharedTemporaryFolder();
await writeClasses(folder, { cat: 7, dog: 9, eel: 3 });
const photos = trainingSet(folder);

function closing<T extends PhotoSource>(source: T): T {
  onTestFinished(() => source.close());
  return source;
}

const training = (options: Partial<TrainingPhotoOptions> = {}, set: PhotoSet = photos) =>
  closing(trainingPhotos(set, { batchSize: 4, size: SIZE, seed: 1, workers: 2, ...options }));

/** Pixels of each photo of an epoch, by identity. */
async function epochPhotos(options: Partial<TrainingPhotoOptions>, epoch: number): Promise<Map<number, Uint8Array>> {
  const images = new Map<number, Uint8Array>();
  for (const { pixels, samples } of await collect(training(options).epoch(epoch, 0))) {
    const bytes = pixels.length / samples.length;
    samples.forEach((sample, i) => {
      images.set(sample, pixels.slice(i * bytes, (i + 1) * bytes));
    });
  }
  return images;
}

const evaluation = (options: Partial<EvaluationPhotoOptions> = {}, set: PhotoSet = photos) =>
  closing(evaluationPhotos(set, { batchSize: 4, size: SIZE, workers: 2, ...options }));

async function collect(batches: AsyncIterable<PixelBatch>): Promise<PixelBatch[]> {
  const all: PixelBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** A copy of the photos in which some files are broken. */
async function withBroken(...broken: number[]): Promise<PhotoSet> {
  const root = temporaryFolder();
  await writeClasses(root, { cat: 7, dog: 9, eel: 3 });
  const set = trainingSet(root);
  for (const index of broken) writeFileSync(join(root, set.files[index]), "no image");
  return set;
}

describe("trainingPhotos", () => {
  test("returns shuffled batches of the requested size with their labels, and drops the rest", async () => {
    const loader = training();
    expect([loader.batchSize, loader.stepsPerEpoch]).toEqual([4, 4]);
    const batches = await collect(loader.epoch(0, 0));
    const seen = batches.flatMap(({ samples }) => [...samples]);
    expect(new Set(seen).size).toBe(16);
    expect(seen).not.toEqual([...seen].sort((a, b) => a - b));
    for (const { pixels, labels, samples, height, width } of batches) {
      expect([pixels.length, height, width]).toEqual([4 * SIZE * SIZE * 3, SIZE, SIZE]);
      expect([...labels]).toEqual([...samples].map((sample) => photos.labels[sample]));
    }
  });

  test("returns the same for any number of workers, first step and ring size", async () => {
    const reference = new Map<string, PixelBatch[]>();
    // No cache, one that holds half of the photos, and one that holds all.
    const caches = [0, 100_000, 1e9];
    for (const cacheBytes of caches) {
      for (const epoch of [0, 3]) {
        reference.set(`${cacheBytes} ${epoch}`, await collect(training({ workers: 1, cacheBytes }).epoch(epoch, 0)));
      }
    }
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 3),
        fc.nat(4),
        fc.constantFrom(...caches),
        async (workers, prefetch, epoch, firstStep, cacheBytes) => {
          const loader = training({ workers, prefetch, cacheBytes });
          const expected = reference.get(`${cacheBytes} ${epoch}`)!;
          // Twice, since the second pass reads from the cache.
          for (let time = 0; time < 2; time++) {
            expect(await collect(loader.epoch(epoch, firstStep))).toEqual(expected.slice(firstStep));
          }
          await loader.close();
        },
      ),
      { numRuns: 6 },
    );
  });

  test("equals its definition: decoded, cropped, resized and flipped step by step", async () => {
    const seed = 9;
    const [batch] = await collect(training({ batchSize: 19, seed }).epoch(2, 0));
    const bytes = SIZE * SIZE * 3;
    for (const [i, sample] of batch.samples.entries()) {
      const { data, info } = await sharp(join(folder, photos.files[sample]))
        .raw()
        .toBuffer({ resolveWithObject: true });
      const source = { pixels: data, width: info.width, height: info.height };
      const region = randomResizedCrop(
        info.width,
        info.height,
        new KeyedRandom(seed, Purpose.crop, 2, sample),
        INCEPTION_CROP,
      );
      const expected = new Uint8Array(bytes);
      resizeRegion(source, region, { width: SIZE, height: SIZE }, "bicubic", expected);
      const mirrored = new KeyedRandom(seed, Purpose.flip, 2, sample).uniform(0) < 0.5;
      const raw = { width: SIZE, height: SIZE, channels: 3 } as const;
      const image = mirrored ? await sharp(expected, { raw }).flop().raw().toBuffer() : expected;
      // A large photo is decoded at a smaller size, so that its crops are only close.
      const exact = Math.min(region.width, region.height) < 2 * SIZE;
      const found = batch.pixels.subarray(i * bytes, (i + 1) * bytes);
      if (exact) expect([...found]).toEqual([...image]);
    }
  });

  test("applies a policy last, with the same result in any batch and on any number of workers", async () => {
    const expected = await epochPhotos({ batchSize: 19 }, 2);
    const plain = await epochPhotos({ batchSize: 19 }, 2);
    for (const [sample, pixels] of expected) {
      const image = { pixels, height: SIZE, width: SIZE };
      autoAugment(image, new KeyedRandom(1, Purpose.augmentation, 2, sample));
    }
    expect(expected).not.toEqual(plain);
    for (const [batchSize, workers] of [
      [19, 1],
      [5, 3],
      [1, 2],
    ]) {
      const found = await epochPhotos({ batchSize, workers, autoAugment: "v0" }, 2);
      expect(found.size).toBe(19 - (19 % batchSize));
      for (const [sample, pixels] of found) expect(pixels).toEqual(expected.get(sample));
    }
  });

  test("a large photo decoded at a smaller size is close to one decoded at its own size", async () => {
    const root = temporaryFolder();
    await writePicture(join(root, "a", "large.jpg"), picture(1, 1200, 900));
    await writePicture(join(root, "b", "large.png"), picture(1, 1200, 900));
    const crop = { area: [1, 1], aspect: [4 / 3, 4 / 3] } as const;
    const [whole] = await collect(training({ batchSize: 2, flip: false, crop }, trainingSet(root)).epoch(0, 0));
    const png = await picture(1, 1200, 900).png().toBuffer();
    const expected = await sharp(png).resize(SIZE, SIZE, { fit: "fill" }).raw().toBuffer();
    for (const image of [0, 1]) {
      const found = whole.pixels.subarray(image * SIZE * SIZE * 3, (image + 1) * SIZE * SIZE * 3);
      const error = found.reduce((sum, value, i) => sum + Math.abs(value - expected[i]), 0) / found.length;
      expect(error).toBeLessThan(3);
    }
  });

  test("class-balanced visits of a photo have different crops", async () => {
    const batches = await collect(training({ sampler: "class-balanced", batchSize: 19 }).epoch(0, 0));
    const [{ labels, samples, pixels }] = batches;
    const counts = [0, 1, 2].map((label) => labels.filter((other) => other === label).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    const bytes = SIZE * SIZE * 3;
    const eel = [...samples.keys()].filter((i) => samples[i] === 16);
    expect(eel.length).toBeGreaterThan(1);
    expect(new Set(eel.map((i) => pixels.subarray(i * bytes, (i + 1) * bytes).join())).size).toBe(eel.length);
  });

  test("can be stopped in the middle of a pass and started again", async () => {
    const loader = training({ prefetch: 1 });
    const whole = await collect(loader.epoch(0, 0));
    for await (const batch of loader.epoch(0, 0)) {
      expect(batch).toEqual(whole[0]);
      break;
    }
    expect(await collect(loader.epoch(0, 0))).toEqual(whole);
  });

  test("reports its speed and the share of time spent waiting", async () => {
    const loader = training();
    expect(loader.statistics()).toEqual({ images: 0, imagesPerSecond: 0, waitingShare: 0, keptShare: 0, skipped: [] });
    for await (const _ of loader.epoch(0, 0)) await new Promise((resolve) => setTimeout(resolve, 200));
    const { images, imagesPerSecond, waitingShare } = loader.statistics();
    expect(images).toBe(16);
    expect(imagesPerSecond).toBeGreaterThan(0);
    expect(waitingShare).toBeGreaterThan(0);
    expect(waitingShare).toBeLessThan(1);
  });

  test("refuses invalid options", () => {
    const make = (options: Partial<TrainingPhotoOptions>) => codedError(() => training(options));
    expect(make({ batchSize: 0 }).code).toBe("ERR_BATCH_SIZE");
    expect(make({ batchSize: 20 }).message).toMatch(/at most 19.*got 20/);
    expect(make({ seed: -1 }).code).toBe("ERR_SEED");
    expect(make({ size: 0 }).code).toBe("ERR_IMAGE_SIZE");
    expect(make({ workers: 0 }).code).toBe("ERR_WORKERS");
    expect(make({ workers: 2000 }).message).toContain("UV_THREADPOOL_SIZE=2000");
    expect(make({ prefetch: 0 }).code).toBe("ERR_PREFETCH");
    expect(make({ cacheBytes: -1 }).code).toBe("ERR_CACHE");
    expect(make({ crop: { area: [0, 1], aspect: [1, 1] } }).code).toBe("ERR_CROP");
    expect(codedError(() => evaluation({ cropFraction: 1.1 })).code).toBe("ERR_CROP");
  });
});

describe("evaluationPhotos", () => {
  test("returns every photo in order, resized and centre-cropped, and can be iterated again", async () => {
    const source = evaluation({ cropFraction: 0.5, interpolation: "bilinear" });
    const first = await collect(source);
    expect(first.map(({ labels }) => labels.length)).toEqual([4, 4, 4, 4, 3]);
    expect(first.flatMap(({ samples }) => [...samples])).toEqual([...photos.samples]);
    expect(await collect(source)).toEqual(first);
    const file = join(folder, photos.files[0]);
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    const [short, long] = [
      2 * SIZE,
      Math.floor((2 * SIZE * Math.max(info.width, info.height)) / Math.min(info.width, info.height)),
    ];
    const size = info.width <= info.height ? { width: short, height: long } : { width: long, height: short };
    const expected = new Uint8Array(SIZE * SIZE * 3);
    const window = {
      left: Math.round((size.width - SIZE) / 2),
      top: Math.round((size.height - SIZE) / 2),
      width: SIZE,
      height: SIZE,
    };
    const source0 = { pixels: data, width: info.width, height: info.height };
    resizeRegion(
      source0,
      { left: 0, top: 0, width: info.width, height: info.height },
      size,
      "bilinear",
      expected,
      window,
    );
    expect([...first[0].pixels.subarray(0, expected.length)]).toEqual([...expected]);
  });
});

describe("photos that cannot be decoded", () => {
  test("fail with the name of the file for any number of workers", async () => {
    const set = await withBroken(3, 12);
    for (const workers of [1, 2]) {
      const error = await codedRejection(collect(evaluation({ workers }, set)));
      expect(error.code).toBe("ERR_IMAGE");
      expect(error.message).toContain(`1 photo of ${set.root} cannot be read:\n  ${set.files[3]}: it is text;`);
      expect(error.message).not.toContain("--on-bad-image");
    }
  });

  test("are skipped and listed with onBadImage: skip", async () => {
    const set = await withBroken(3, 12);
    const source = evaluation({ onBadImage: "skip", maxBad: 2 }, set);
    for (let time = 0; time < 2; time++) {
      const batches = await collect(source);
      const samples = batches.flatMap((batch) => [...batch.samples]);
      expect(samples).toEqual([...photos.samples].filter((sample) => sample !== 3 && sample !== 12));
    }
    // The other photos are the same as without bad ones.
    const bytes = SIZE * SIZE * 3;
    const [first] = await collect(source);
    const [whole] = await collect(evaluation());
    expect(first.pixels).toEqual(whole.pixels.slice(0, 3 * bytes));
    expect(source.statistics().skipped.map(({ file }) => file)).toEqual([set.files[3], set.files[12]]);
  });

  test("end the run where they are too many or fill a whole batch", async () => {
    const set = await withBroken(3, 12);
    const many = await codedRejection(collect(evaluation({ onBadImage: "skip", maxBad: 1 }, set)));
    expect(many.code).toBe("ERR_BAD_IMAGES");
    expect(many.message).toMatch(/2 photos .* at most 1 may be skipped/);
    expect(many.message).toContain(set.files[12]);
    const alone = await codedRejection(collect(training({ onBadImage: "skip", batchSize: 1 }, set).epoch(0, 0)));
    expect(alone.message).toContain("no photo of a whole batch");
  });

  test("are skipped in evaluation even where they fill a batch, unless no photo is left", async () => {
    const set = await withBroken(3, 12);
    const batches = await collect(evaluation({ onBadImage: "skip", batchSize: 1 }, set));
    expect(batches.map(({ labels }) => labels.length)).toEqual(new Array(17).fill(1));
    const none = await withBroken(...photos.files.keys());
    const error = await codedRejection(collect(evaluation({ onBadImage: "skip" }, none)));
    expect(error.code).toBe("ERR_BAD_IMAGES");
    expect(error.message).toContain("no photo at all");
    expect(error.message).toContain("and 9 more");
  });

  test("a file that vanished is named", async () => {
    const set = await withBroken();
    rmSync(join(set.root, set.files[5]));
    const error = await codedRejection(collect(training({ batchSize: 19 }, set).epoch(0, 0)));
    expect(error.message).toContain(`${set.files[5]}: the file cannot be read (ENOENT`);
  });

  test("a photo that is replaced by one of another size between two passes is cropped by its new size", async () => {
    const set = await withBroken();
    const loader = training({ batchSize: 19, flip: false }, set);
    await collect(loader.epoch(0, 0));
    await writePicture(join(set.root, set.files[5]), picture(999, 30, 26));
    const fresh = training({ batchSize: 19, flip: false }, set);
    expect(await collect(loader.epoch(1, 0))).toEqual(await collect(fresh.epoch(1, 0)));
  });
});

describe("the worker threads", () => {
  /** Runs a program that uses the built loader in its own process. */
  function run(program: string) {
    const prelude = `
      import { readFileSync } from "node:fs";
      import { trainingPhotos } from ${JSON.stringify(new URL("../../../dist/data/photos/photo-loader.js", import.meta.url).href)};
      const set = ${JSON.stringify({ ...photos, labels: [...photos.labels], samples: [...photos.samples] })};
      set.labels = Int32Array.from(set.labels);
      set.samples = Uint32Array.from(set.samples);
      const loader = trainingPhotos(set, { batchSize: 4, size: 64, seed: 1, workers: 2, prefetch: 1 });
      const iterator = loader.epoch(0, 0)[Symbol.asyncIterator]();
      await iterator.next();
    `;
    return spawnSync(process.execPath, ["--input-type=module", "-e", prelude + program], {
      encoding: "utf8",
      timeout: 30_000,
    });
  }

  test("do not keep a process alive, nor crash it, wherever it ends", () => {
    expect(run("")).toMatchObject({ status: 0, stderr: "", signal: null });
    expect(run("await loader.close();")).toMatchObject({ status: 0, stderr: "", signal: null });
    expect(run("process.exit(3);")).toMatchObject({ status: 3, stderr: "", signal: null });
    const thrown = run('throw new Error("on purpose");');
    expect(thrown).toMatchObject({ status: 1, signal: null });
    expect(thrown.stderr).toContain("on purpose");
    const closed = run(
      `const failed = iterator.next().then(() => iterator.next()).catch((error) => console.log(error.code));
       await loader.close();
       await failed;`,
    );
    expect(closed).toMatchObject({ status: 0, stderr: "", stdout: "ERR_READER_CLOSED\n" });
  });

  test("end with the loader", async () => {
    const threads = () => Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]);
    const loader = training();
    await collect(loader.epoch(0, 0));
    const before = threads();
    await loader.close();
    expect(threads()).toBeLessThanOrEqual(before - 2);
    expect((await codedRejection(collect(loader.epoch(0, 0)))).code).toBe("ERR_READER_CLOSED");
  });
});
