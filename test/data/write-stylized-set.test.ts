import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCifar } from "../../src/data/cifar.js";
import { openSourceImages, readSourceImage } from "../../src/data/source-images.js";
import { stylize } from "../../src/data/stylize.js";
import { writeStylizedSet } from "../../src/data/write-stylized-set.js";
import { decodeImage } from "../../src/images/decode.js";
import { cifarRecord, writeCifar10 } from "../support/cifar.js";
import { advprop } from "../support/cli.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

describe("writeStylizedSet", () => {
  test("writes photos under their part, class and name, and goes on where it was killed", async () => {
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
    expect((await other).message).toMatch(/its seed is 3, and 4 is asked for/);
  });

  test("keeps the layout of CIFAR-10, its labels and its order", async () => {
    const data = temporaryFolder();
    const record = cifarRecord([7], (row, column, channel) => (row * 8 + column * 3 + channel * 40) % 256);
    writeCifar10(data, record);
    const to = temporaryFolder();
    await writeStylizedSet(data, { to, part: "test", seed: 1 });
    const [original, styled] = [loadCifar(data, "test"), loadCifar(to, "test")];
    expect([styled.length, styled.labels[0], styled.labels[1]]).toEqual([10_000, 7, 0]);
    expect(styled.pixels(0)).toEqual(stylize(original.pixels(0), 32, 32, { seed: 1, sample: 0 }));
  });

  test("the built-in set has a variant of its own", () => {
    const { status, stderr } = advprop(["stylize", "--data", "shapes", "--to", "/nowhere/set"]);
    expect(stderr).toMatch(/exact stylised variant/);
    expect(status).toBe(2);
  });
});
