/** Photos in shards, on a disk and on a server. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { checkData } from "../../../src/data/inspection/check.js";
import type { BatchPart } from "../../../src/data/loading/loader.js";
import { epochOrder } from "../../../src/data/loading/sampler.js";
import { packShards } from "../../../src/data/shards/pack-shards.js";
import { expandBraces, partOfShard, shardsNamed } from "../../../src/data/shards/shard-names.js";
import { shardOrder, shardStarts } from "../../../src/data/shards/shard-order.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { folderOf, sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { picture, writeClasses } from "../../support/photos.js";
import { sendFiles, serve } from "../../support/server.js";
import { collect, filesOf, openSmall, ownCache, tarOf } from "../../support/shards.js";

const root = sharedTemporaryFolder();
const [photos, shards] = [join(root, "photos"), join(root, "shards")];
const TRAIN = 61;
const TEST = 11;
ownCache();
beforeAll(async () => {
  await writeClasses(join(photos, "train"), { cat: 30, dog: 31 });
  await writeClasses(join(photos, "test"), { cat: 5, dog: 6 }, 100);
  await packShards(photos, { to: shards, shardSize: 65_536 });
});

/** The shards without any index, as other programs write them. */
function foreign(): string {
  const folder = temporaryFolder();
  for (const name of filesOf(shards, ".tar")) cpSync(join(shards, name), join(folder, name));
  return folder;
}

describe("shards on a disk", () => {
  test("hold the photos of the folder: evaluation gives the same images by their names", async () => {
    expect(filesOf(shards, ".tar").length).toBeGreaterThan(3);
    const seen = async (path: string, nameOf: (file: string) => string) => {
      const { test: images, classes, sizes } = await openSmall(path);
      expect([classes, sizes]).toEqual([["cat", "dog"], { train: TRAIN, test: TEST }]);
      const found = new Map<string, { label: number; pixels: Buffer }>();
      for (const { pixels, labels, samples } of await collect(images!.batches(4))) {
        samples.forEach((sample, i) => {
          const own = Buffer.from(
            pixels.subarray((i * pixels.length) / samples.length, ((i + 1) * pixels.length) / samples.length),
          );
          found.set(nameOf(images!.fileOf!(sample)), { label: labels[i], pixels: own });
        });
      }
      return found;
    };
    const fromFolder = await seen(photos, (file) => file.replace("test/", ""));
    const fromShards = await seen(shards, (file) => file.replace(/^test-\d+\.tar\//, ""));
    expect(fromShards.size).toBe(TEST);
    expect(new Map([...fromShards].sort())).toEqual(new Map([...fromFolder].sort()));
  });

  test.each([
    [1, 1],
    [2, 1],
    [2, 3],
    [1, 4],
  ])("with %i threads and %i processes each photo comes once an epoch", async (workers, parts) => {
    const batchSize = 4;
    const trained: number[] = [];
    const tested: number[] = [];
    for (let index = 0; index < parts; index++) {
      const part = { index, count: parts };
      const { train, test: images } = await openSmall(shards, { workers });
      const loader = train!.loader(parts * batchSize, { part });
      expect(loader.stepsPerEpoch).toBe(Math.floor(TRAIN / (parts * batchSize)));
      for (const { samples } of await collect(loader.epoch(2, 0))) trained.push(...samples);
      for (const { samples } of await collect(images!.batches(3, part))) tested.push(...samples);
    }
    expect(tested.sort((a, b) => a - b)).toEqual(Array.from({ length: TEST }, (_, i) => i));
    // All except those that do not fill a step.
    expect(trained).toHaveLength(TRAIN - (TRAIN % (parts * batchSize)));
    expect(new Set(trained).size).toBe(trained.length);
  });

  test.each([
    [2, 2],
    [-1, 2],
    [0, 0],
    [0.5, 2],
  ])("part %d of %d is refused", async (index, count) => {
    const { train } = await openSmall(shards);
    expect(codedError(() => train!.loader(4, { part: { index, count } }))).toMatchObject({
      code: "ERR_BATCH_PART",
      exitCode: 2,
    });
  });

  test("several processes together have the same steps as one", async () => {
    const loader = async (part?: BatchPart) => {
      const { train } = await openSmall(shards, { workers: 1 });
      return collect(train!.loader(6, { part }).epoch(1, 0));
    };
    const alone = await loader();
    const together = [await loader({ index: 0, count: 2 }), await loader({ index: 1, count: 2 })];
    alone.forEach(({ samples, pixels }, step) => {
      expect([...together[0][step].samples, ...together[1][step].samples]).toEqual([...samples]);
      expect(Buffer.concat(together.map((steps) => steps[step].pixels)).equals(pixels)).toBe(true);
    });
  });

  test("an epoch is the same for the same seed, for any number of threads and first step", async () => {
    const epoch = async (options: Parameters<typeof openSmall>[1], number: number, firstStep = 0) =>
      collect((await openSmall(shards, options)).train!.loader(4).epoch(number, firstStep));
    const first = await epoch({ workers: 1 }, 1);
    expect(await epoch({ workers: 2 }, 1)).toEqual(first);
    expect(await epoch({ workers: 2 }, 1, 5)).toEqual(first.slice(5));
    const samples = (batches: typeof first) => batches.map((batch) => [...batch.samples]);
    expect(samples(await epoch({}, 2))).not.toEqual(samples(first));
    expect(samples(await epoch({ seed: 2 }, 1))).not.toEqual(samples(first));
  });

  test("shards without an index are indexed once, with the same photos", async () => {
    const folder = foreign();
    writeFileSync(join(folder, "classes.txt"), "cat\ndog\n");
    const [own, other] = [await openSmall(shards), await openSmall(folder)];
    expect(other.classes).toEqual(own.classes);
    expect(other.photos).toEqual(own.photos);
    expect(await collect(other.train!.loader(4).epoch(0, 0))).toEqual(await collect(own.train!.loader(4).epoch(0, 0)));
    rmSync(join(folder, "classes.txt"));
    expect((await openSmall(folder)).classes).toEqual(["0", "1"]);
    // A shard that has changed is indexed again.
    const shard = join(folder, "test-000000.tar");
    writeFileSync(
      shard,
      await tarOf([
        ["a.jpg", await picture(1).jpeg().toBuffer()],
        ["a.cls", "1"],
      ]),
    );
    expect((await openSmall(folder)).sizes.test).toBe(1);
  });

  test("parts can be folders, classes can be names, and a pattern can select shards", async () => {
    const folder = temporaryFolder();
    for (const [part, count] of [
      ["train", 3],
      ["val", 1],
    ] as const) {
      mkdirSync(join(folder, part));
      for (let shard = 0; shard < count; shard++) {
        const members = await Promise.all(
          ["fox", "owl"].flatMap((name, i) => [
            picture(10 * shard + i + (part === "val" ? 100 : 0))
              .png()
              .toBuffer()
              .then((bytes) => [`./${shard}${i}.png`, bytes] as const),
            [`./${shard}${i}.cls`, `${name}\n`] as const,
          ]),
        );
        writeFileSync(join(folder, part, `0${shard}.tar`), await tarOf(members));
      }
    }
    const opened = await openSmall(folder, { parts: ["train", "validation"] });
    expect([opened.classes, opened.sizes]).toEqual([["fox", "owl"], { train: 6, validation: 2 }]);
    const some = await openSmall(join(folder, "{train/{00..01},val/00}.tar"), { parts: ["train", "validation"] });
    expect(some.sizes).toEqual({ train: 4, validation: 2 });
    const report = await checkData(folder);
    expect(report).toMatchObject({ images: 8, ok: true });
  });

  test("a set without parts is split like its folder: near-duplicates stay together", async () => {
    const [folder, packed] = [temporaryFolder(), join(temporaryFolder(), "packed")];
    await writeClasses(folder, { cat: 20, dog: 20 });
    cpSync(join(folder, "cat/003.jpg"), join(folder, "cat/103.jpg"));
    await packShards(folder, { to: packed });
    const { split, sizes, train } = await openSmall(packed, { parts: ["train", "validation", "test"] });
    expect(sizes.train! + sizes.validation! + sizes.test!).toBe(41);
    expect(sizes.test).toBe(6);
    // A resumed run opens them by its saved split.
    const { train: again } = await openSmall(packed, { parts: ["train"], split });
    expect(await collect(again!.loader(4).epoch(1, 2))).toEqual((await collect(train!.loader(4).epoch(1, 0))).slice(2));
    expect(split!.nearDuplicates.map((group) => group.map((file) => file.replace(/.*\.tar\//, "")).sort())).toEqual([
      ["cat/003.jpg", "cat/103.jpg"],
    ]);
  });

  test("a set that lacks a shard, has an additional one, or is not packed completely is refused", async () => {
    const copy = join(temporaryFolder(), "copy");
    cpSync(shards, copy, { recursive: true });
    renameSync(join(copy, "train-000001.tar"), join(copy, "train-000009.tar"));
    const error = await codedRejection(openSmall(copy));
    expect(error).toMatchObject({ code: "ERR_SHARDS", exitCode: 2 });
    expect(error.message).toContain("train-000001.tar missing, train-000009.tar not listed");
    rmSync(join(copy, "index.json"));
    expect((await codedRejection(openSmall(copy))).message).toContain("is not packed completely");
  });

  test("memory use does not grow over many small shards", async () => {
    const folder = temporaryFolder();
    const bytes = await picture(1, 16, 16).jpeg().toBuffer();
    for (let shard = 0; shard < 200; shard++) {
      const members = [0, 1, 2].flatMap((i) => [
        [`${shard}-${i}.jpg`, bytes] as const,
        [`${shard}-${i}.cls`, String(i % 2)] as const,
      ]);
      writeFileSync(join(folder, `train-${String(shard).padStart(3, "0")}.tar`), await tarOf(members));
    }
    const { train } = await openSmall(folder, { parts: ["train"], workers: 1 });
    const loader = train!.loader(50);
    const epoch = async (number: number) => {
      for await (const _ of loader.epoch(number, 0));
      return process.memoryUsage.rss();
    };
    for (let number = 0; number < 3; number++) await epoch(number);
    const before = await epoch(3);
    for (let number = 4; number < 10; number++) await epoch(number);
    expect((await epoch(10)) - before).toBeLessThan(30e6);
  });
});

describe("shards on a server", () => {
  test("give the same batches as on a disk by range requests, which read each byte once per epoch", async () => {
    const { url, ranges } = await serve(sendFiles(shards));
    const expected = await collect((await openSmall(shards)).train!.loader(4).epoch(0, 0));
    for (const path of [url, `${url}{train-{000000..00000${filesOf(shards, ".tar").length - 2}},test-000000}.tar`]) {
      const opened = await openSmall(path);
      expect(opened.sizes).toEqual({ train: TRAIN, test: TEST });
      ranges.length = 0;
      expect(await collect(opened.train!.loader(4).epoch(0, 0))).toEqual(expected);
      expect(ranges).toHaveLength(TRAIN - (TRAIN % 4));
      expect(ranges.every((range) => /^bytes=\d+-\d+$/.test(range!))).toBe(true);
    }
  });

  test("are indexed once by their headers where they have no index", async () => {
    const { url, ranges } = await serve(sendFiles(foreign()));
    const path = `${url}{train-{000000..00000${filesOf(shards, ".tar").length - 2}},test-000000}.tar`;
    const first = await openSmall(path);
    expect(first.classes).toEqual(["0", "1"]);
    const { photos: own } = await openSmall(shards);
    expect(first.photos).toEqual(own);
    ranges.length = 0;
    expect((await openSmall(path)).photos).toEqual(own);
    // One byte of each shard is enough to tell that it has not changed.
    expect(ranges.filter((range) => range !== undefined && range !== "bytes=0-0")).toEqual([]);
  });

  test("for a folder without an index the message says what to give", async () => {
    const { url } = await serve(sendFiles(foreign()));
    const error = await codedRejection(openSmall(url));
    expect(error).toMatchObject({ code: "ERR_SHARDS", exitCode: 2 });
    expect(error.message).toContain("Give their addresses with braces");
  });
});

describe("names of shards", () => {
  test("braces", () => {
    expect(expandBraces("a-{08..11}.{x,y}")).toEqual(
      ["08", "09", "10", "11"].flatMap((number) => [`a-${number}.x`, `a-${number}.y`]),
    );
    expect(expandBraces("{a,b{1..3}}c")).toEqual(["ac", "b1c", "b2c", "b3c"]);
    for (const wrong of ["a{", "a}", "{a}", "{3..1}", "{0..999999}", "{a,{b}"]) {
      expect(codedError(() => expandBraces(`${wrong}.tar`)).code).toBe("ERR_SHARDS");
    }
  });

  test("parts", () => {
    const parts = [
      "train-000.tar",
      "imagenet_val-01.tar",
      "test/00.tar",
      "x/imagenet-train-1.tar",
      "photos-0.tar",
      "train/photos-0.tar",
    ];
    expect(parts.map(partOfShard)).toEqual(["train", "validation", "test", "train", undefined, "train"]);
  });

  test("a folder is one of shards where it holds files only", () => {
    expect(shardsNamed(folderOf("a.tar", "b.tar", "classes.txt"))).toHaveLength(2);
    expect(shardsNamed(folderOf("a.tar", "cat/1.jpg", "dog/1.jpg"))).toEqual([]);
    expect(shardsNamed(folderOf("train/a.tar", "val/a.tar"))).toHaveLength(2);
    expect(shardsNamed(folderOf("train/a.tar", "cat/1.jpg"))).toEqual([]);
    expect(existsSync(join(shards, "train-000000.index.json"))).toBe(true);
    expect(readFileSync(join(shards, "classes.txt"), "utf8")).toBe("cat\ndog\n");
  });
});

test("the order of an epoch visits every photo once, mostly shard by shard within its buffer", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(1000),
      (sizes, buffer, seed) => {
        const files = sizes.flatMap((size, shard) => Array.from({ length: size }, (_, i) => `s${shard}.tar/${i}.jpg`));
        const starts = shardStarts(files)!;
        expect(starts).toHaveLength(sizes.length);
        const visits = Uint32Array.from(files, (_, index) => index);
        const order = shardOrder(visits, starts, seed, 3, buffer);
        expect([...order].sort((a, b) => a - b)).toEqual([...visits]);
        expect(shardOrder(visits, starts, seed, 3, buffer)).toEqual(order);
        // With a buffer of one, only the order of the shards changes. A larger buffer moves no photo forward by more than its
        // size.
        const streamed = shardOrder(visits, starts, seed, 3, 1);
        const place = new Map([...streamed].map((index, at) => [index, at]));
        order.forEach((index, at) => {
          expect(place.get(index)! - at).toBeLessThan(buffer);
        });
        const shardsInOrder = [...streamed].map((index) => starts.findLastIndex((start) => start <= index));
        expect(shardsInOrder.filter((shard, at) => shard !== shardsInOrder[at - 1])).toHaveLength(sizes.length);
      },
    ),
    { numRuns: 100 },
  );
});

test("class-balanced visits are as many as without shards", () => {
  const files = Array.from({ length: 50 }, (_, i) => `s${Math.floor(i / 9)}.tar/${i}.jpg`);
  const labels = Int32Array.from(files, (_, i) => (i % 5 === 0 ? 0 : 1));
  const set = { length: 50, classes: ["few", "many"], labels, samples: Uint32Array.from(files, (_, i) => i) };
  const visits = (starts?: Uint32Array) => {
    const { indices, repeats } = epochOrder("class-balanced", set, 4, 2, starts);
    return Array.from(indices, (index, place) => `${index} ${repeats[place]}`);
  };
  const [plain, along] = [visits(), visits(shardStarts(files))];
  expect(along).not.toEqual(plain);
  expect([...along].sort()).toEqual([...plain].sort());
});
