import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { corrupt } from "../../src/corruptions/index.js";
import { readFrostTextures } from "../../src/corruptions/sets/frost-photographs.js";
import { writeCorruptedSet } from "../../src/corruptions/sets/write-set.js";
import { openCorruptedSet } from "../../src/data/corrupted-set.js";
import { shapesDataset } from "../../src/data/shapes/shapes.js";
import { openSourceImages, sourceOfDataset } from "../../src/data/writing/source-images.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { picture, writeClasses, writePicture } from "../support/photos.js";

const shapes = shapesDataset({ split: "test", count: 12, size: 32, seed: 0 });
const source = sourceOfDataset(shapes, { part: "test", seed: 0 });

/** Every file of a folder with its contents. */
function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return new Map(
    files
      .filter((file) => statSync(join(folder, file)).isFile())
      .map((file) => [file, readFileSync(join(folder, file), "base64")]),
  );
}

describe("writeCorruptedSet", () => {
  test("writes arrays that are read back as the images of corrupt", async () => {
    const to = temporaryFolder();
    const written = await writeCorruptedSet(source, { to, corruptions: ["fog", "shot_noise"], seed: 4, workers: 2 });
    expect(written).toMatchObject({ layout: "cifar-c", images: 12, severities: [1, 2, 3, 4, 5] });
    expect(readdirSync(to).sort()).toEqual(["corruptions.json", "fog.npy", "labels.npy", "shot_noise.npy"]);
    const set = openCorruptedSet(to)!;
    expect(set.classes).toEqual(shapes.classes);
    for (const severity of [1, 4]) {
      for await (const { pixels, labels } of set.images("shot_noise", severity).batches(12)) {
        expect(labels).toEqual(shapes.labels);
        const expected = corrupt(shapes.pixels(7), 32, 32, "shot_noise", severity, { seed: 4, sample: 7 });
        expect(pixels.subarray(7 * 3072, 8 * 3072)).toEqual(expected);
      }
    }
  });

  test("writes cropped photos as JPEG files by class, which are read back with nearly the same pixels", async () => {
    const data = temporaryFolder();
    await writeClasses(join(data, "test"), { cat: 3, dog: 2 });
    const to = temporaryFolder();
    const images = await openSourceImages(data, { part: "test", imageSize: 40, seed: 0 });
    await writeCorruptedSet(images, { to, corruptions: ["contrast"], severities: [2, 5], seed: 0, workers: 1 });
    expect(readdirSync(join(to, "contrast", "5", "cat"))).toEqual(["000.jpg", "001.jpg", "002.jpg"]);
    const set = openCorruptedSet(to, { imageSize: 40, workers: 1 })!;
    expect([set.classes, set.severities("contrast")]).toEqual([
      ["cat", "dog"],
      [2, 5],
    ]);
    for await (const { pixels, labels } of set.images("contrast", 2).batches(5)) {
      expect([...labels]).toEqual([0, 0, 0, 1, 1]);
      expect(pixels).toHaveLength(5 * 40 * 40 * 3);
    }
    const metadata = await sharp(join(to, "contrast", "2", "dog", "000.jpg")).metadata();
    expect(metadata).toMatchObject({ format: "jpeg", width: 40, height: 40, chromaSubsampling: "4:2:0" });
  });

  test("loses no photo whose name becomes that of another one", async () => {
    const [folder, to] = [temporaryFolder(), join(temporaryFolder(), "set")];
    await writeClasses(folder, { cat: 1, dog: 1 });
    for (const name of ["a.png", "a.png.jpg"]) await writePicture(join(folder, "cat", name), picture(name.length));
    const images = await openSourceImages(folder, { part: "test", imageSize: 32, seed: 0 });
    await writeCorruptedSet(images, { to, corruptions: ["contrast"], severities: [1], seed: 0, workers: 1 });
    expect(readdirSync(join(to, "contrast/1/cat")).sort()).toEqual(["000.jpg", "a.png-2.jpg", "a.png.jpg"]);
  });

  test("refuses a folder with something else and a set made with other settings, and does not change them", async () => {
    const other = temporaryFolder();
    writeFileSync(join(other, "thesis.txt"), "mine");
    expect((await codedRejection(writeCorruptedSet(source, { to: other, seed: 0 }))).message).toMatch(
      /new or an empty folder/,
    );
    expect(readdirSync(other)).toEqual(["thesis.txt"]);
    const to = temporaryFolder();
    await writeCorruptedSet(source, { to, corruptions: ["brightness"], seed: 0, workers: 1 });
    const before = contents(to);
    const again = (options: object) =>
      codedRejection(writeCorruptedSet(source, { to, corruptions: ["brightness"], seed: 0, workers: 1, ...options }));
    expect((await again({ seed: 1 })).message).toMatch(/its seed is 0; got 1/);
    expect((await again({ table: "imagenet-c" })).message).toMatch(/its parameters is null; got imagenet-c/);
    expect((await again({ severities: [1] })).message).toMatch(/has the severities 1, 2, 3, 4, 5; got 1/);
    expect(contents(to)).toEqual(before);
    await writeCorruptedSet(source, { to, corruptions: ["contrast"], seed: 0, workers: 1 });
    expect(openCorruptedSet(to)!.corruptions).toEqual(["brightness", "contrast"]);
  });

  test("arrays need photos of the same size", async () => {
    const data = temporaryFolder();
    await writeClasses(data, { cat: 1, dog: 1 });
    const images = await openSourceImages(data, { part: "test", seed: 0 });
    const error = await codedRejection(
      writeCorruptedSet(images, { to: temporaryFolder(), layout: "cifar-c", seed: 0 }),
    );
    expect(error.message).toMatch(/photos must have the same size/);
  });
});

describe("advprop corrupt", () => {
  const args = (to: string, layout: string) =>
    [
      "corrupt",
      "--data",
      "shapes",
      "--limit-test",
      "6",
      "--to",
      to,
      "--layout",
      layout,
      "--workers",
      "2",
      "--quiet",
    ].concat(["--corruptions", "gaussian_noise,pixelate", "--json"]);

  test.each(["cifar-c", "imagenet-c"])("resumes after a kill and ends with the same %s set", (layout) => {
    const whole = temporaryFolder();
    const first = advprop(args(whole, layout));
    expect(first.status, first.stderr).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ layout, images: 6, corruptions: ["gaussian_noise", "pixelate"] });
    const to = temporaryFolder();
    const killed = advprop(args(to, layout), { ADVPROP_FAULT_POINT: "corrupt:unit:2" });
    expect(killed.status).toBeNull();
    expect(existsSync(join(to, "labels.npy"))).toBe(false);
    if (layout === "imagenet-c") expect(() => openCorruptedSet(to)).toThrow(/is not finished/);
    const resumed = advprop(args(to, layout));
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(contents(to)).toEqual(contents(whole));
  });

  test("reports invalid flags", () => {
    const run = (...flags: string[]) => advprop(["corrupt", "--data", "shapes", "--to", "/nowhere/set", ...flags]);
    const misused: [string[], RegExp][] = [
      [["--corruptions", "sno"], /got sno. Did you mean snow\?/],
      [["--severities", "0-3"], /--severities must be from 1 to 5/],
      [
        ["--parameters", "imagenette"],
        /--parameters must be one of imagenet, cifar, tiny; got imagenette. Did you mean imagenet\?/,
      ],
      [["--layout", "npy"], /--layout must be one of imagenet-c, cifar-c/],
    ];
    for (const [flags, message] of misused) {
      const { status, stderr } = run(...flags);
      expect(stderr).toMatch(message);
      expect(status).toBe(2);
    }
  });
});

describe("frost textures", () => {
  async function writeTextures(folder: string, values: readonly number[], side = 300): Promise<string> {
    mkdirSync(folder, { recursive: true });
    for (const [i, value] of values.entries()) {
      await sharp({ create: { width: side, height: side, channels: 3, background: { r: value, g: value, b: value } } })
        .png()
        .toFile(join(folder, `${i}.png`));
    }
    return folder;
  }

  test("frost is the weighted sum with a window of one of the photographs, chosen by key", async () => {
    const frostTextures = await readFrostTextures(await writeTextures(temporaryFolder(), [100, 200]));
    const black = new Uint8Array(32 * 32 * 3);
    const levels = Array.from({ length: 40 }, (_, sample) => {
      const options = { seed: 0, sample, frostTextures };
      const found = corrupt(black, 32, 32, "frost", 5, options);
      expect(corrupt(black, 32, 32, "frost", 5, options)).toEqual(found);
      return found[0];
    });
    // The weight of frost at severity 5 for 32 pixels is 0.45.
    expect(new Set(levels)).toEqual(new Set([45, 90]));
    expect(levels.filter((level) => level === 45).length).toBeGreaterThan(8);
  });

  test("a photograph smaller than the image is enlarged to the image's size", async () => {
    const frostTextures = await readFrostTextures(await writeTextures(temporaryFolder(), [100], 20));
    const found = corrupt(new Uint8Array(64 * 64 * 3), 64, 64, "frost", 1, { seed: 0, sample: 0, frostTextures });
    expect(new Set(found)).toEqual(new Set([30]));
  });

  test("are part of the recorded settings of a set", async () => {
    const folder = await writeTextures(temporaryFolder(), [100, 200]);
    const to = temporaryFolder();
    await writeCorruptedSet(source, { to, corruptions: ["frost"], seed: 0, workers: 1, frostTextures: folder });
    const frostTextures = await readFrostTextures(folder);
    const expected = corrupt(shapes.pixels(3), 32, 32, "frost", 5, { seed: 0, sample: 3, frostTextures });
    for await (const { pixels } of openCorruptedSet(to)!.images("frost", 5).batches(12)) {
      expect(pixels.subarray(3 * 3072, 4 * 3072)).toEqual(expected);
    }
    const error = await codedRejection(writeCorruptedSet(source, { to, corruptions: ["frost"], seed: 0, workers: 1 }));
    expect(error.message).toMatch(/its frost textures is/);
    const empty = temporaryFolder();
    expect((await codedRejection(readFrostTextures(empty))).message).toMatch(/must hold photographs/);
  });
});
