import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changeRecords } from "../../../src/data/datasets/cifar.js";
import { openSourceImages, readSourceImage } from "../../../src/data/writing/source-images.js";
import { stylize } from "../../../src/data/writing/stylize.js";
import { writeStylizedSet } from "../../../src/data/writing/write-stylized-set.js";
import { decodeImage } from "../../../src/images/decode.js";
import { cifarRecord } from "../../support/cifar.js";
import { advprop } from "../../support/cli.js";
import { codedRejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";
import { writeClasses } from "../../support/photos.js";

describe("writeStylizedSet", () => {
  test("writes photos by part, class and name, and resumes after it was killed", async () => {
    const data = temporaryFolder();
    await writeClasses(join(data, "train"), { cat: 1, dog: 1 });
    await writeClasses(join(data, "test"), { cat: 2, dog: 2 });
    const to = join(temporaryFolder(), "set");
    const args = ["stylize", "--data", data, "--to", to, "--seed", "3", "--workers", "1", "--quiet"];
    const killed = advprop(args, { ADVPROP_FAULT_POINT: "stylize:image:2" });
    expect(killed.status).toBeNull();
    const { status, stderr } = advprop(args);
    expect(status, stderr).toBe(0);
    const photos = readdirSync(to, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".png"));
    expect(photos.sort()).toEqual(
      ["cat/000.jpg", "cat/001.jpg", "dog/000.jpg", "dog/001.jpg"].map((name) => `test/${name}.png`),
    );

    const images = await openSourceImages(data, { part: "test", seed: 3 });
    const { pixels, height, width } = await readSourceImage(images.source, 2);
    const file = join(to, "test/dog/000.jpg.png");
    const written = await decodeImage(readFileSync(file), file);
    expect(written).toMatchObject({ height, width });
    expect(Buffer.compare(written.pixels, stylize(pixels, height, width, { seed: 3, sample: images.samples[2] }))).toBe(
      0,
    );
    const other = codedRejection(writeStylizedSet(data, { to, part: "test", seed: 4 }));
    expect((await other).message).toMatch(/its seed is 3; got 4/);
  });

  test("keeps the labels and the order of the records of CIFAR", () => {
    const value = (row: number, column: number, channel: number) => (row * 8 + column * 3 + channel * 40) % 256;
    const records = Buffer.concat([cifarRecord([3, 7], value), cifarRecord([4, 9], (...at) => 255 - value(...at))]);
    const changed = changeRecords(records, 2, (pixels, record) => pixels.map((byte) => byte ^ (record + 1)));
    expect([changed.length, changed[0], changed[1], changed[3074], changed[3075]]).toEqual([2 * 3074, 3, 7, 4, 9]);
    expect(changed[2 + 1024 + 32 * 5 + 6]).toBe(value(5, 6, 1) ^ 1);
    expect(changed[3076 + 2048 + 31]).toBe((255 - value(0, 31, 2)) ^ 2);
  });

  test("the built-in set has its own variant instead", () => {
    const { status, stderr } = advprop(["stylize", "--data", "shapes", "--to", "/nowhere/set"]);
    expect(stderr).toMatch(/already has a stylised variant/);
    expect(status).toBe(2);
  });
});
