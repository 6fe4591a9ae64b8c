import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { evaluationPhotos } from "../../../src/data/photos/photo-loader.js";
import {
  openSourceImages,
  readSourceImage,
  sourceOfDataset,
  squareNote,
} from "../../../src/data/writing/source-images.js";
import { makeDataset } from "../../support/datasets.js";
import { codedRejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";
import { picture, trainingSet, writeClasses, writePicture } from "../../support/photos.js";

describe("openSourceImages", () => {
  test("names photos by class and file, with and without parts, and by a label file", async () => {
    const plain = temporaryFolder();
    await writeClasses(plain, { cat: 1, dog: 1 });
    await writePicture(join(plain, "dog", "more", "x.png"), picture(9));
    const files = ["cat/000.jpg", "dog/000.jpg", "dog/more/x.png"];
    expect((await openSourceImages(plain, { part: "test", seed: 0 })).files).toEqual(files);

    const divided = temporaryFolder();
    await writeClasses(join(divided, "train"), { cat: 1, dog: 1 });
    mkdirSync(join(divided, "val"));
    await writePicture(join(divided, "val", "a.jpg"), picture(7));
    writeFileSync(join(divided, "val_labels.txt"), "a.jpg dog\n");
    expect((await openSourceImages(divided, { part: "train", seed: 0 })).files).toEqual(["cat/000.jpg", "dog/000.jpg"]);
    expect((await openSourceImages(divided, { part: "validation", seed: 0 })).files).toEqual(["dog/a.jpg"]);
    const error = await codedRejection(openSourceImages(divided, { part: "test", seed: 0 }));
    expect(error.message).toMatch(/has no part test; it has train, validation. Choose one of them with `split`/);
  });

  test("gives each photo a path of its own, also where two folders are one class", async () => {
    const folder = temporaryFolder();
    for (const name of ["caf\u00e9", "cafe\u0301"])
      await writePicture(join(folder, name, "1.jpg"), picture(name.length));
    await writePicture(join(folder, "tea", "1.jpg"), picture(7));
    const { files } = await openSourceImages(folder, { part: "test", seed: 0 });
    expect(files.toSorted()).toEqual(["caf\u00e9/1-2.jpg", "caf\u00e9/1.jpg", "tea/1.jpg"]);
  });

  test("resizes photos to the square of evaluation, and records how", async () => {
    const folder = temporaryFolder();
    await writeClasses(folder, { cat: 1, dog: 1 });
    const { source } = await openSourceImages(folder, { part: "test", imageSize: 20, seed: 0 });
    const { pixels, height, width } = await readSourceImage(source, 1);
    expect([pixels.length, height, width]).toEqual([1200, 20, 20]);
    const shown = evaluationPhotos(trainingSet(folder), {
      batchSize: 2,
      size: 20,
      interpolation: "bilinear",
      workers: 1,
    });
    for await (const batch of shown) expect(pixels).toEqual(batch.pixels.slice(1200));
    await shown.close();
    expect(squareNote(source)).toEqual({ "crop fraction": 0.875 });
    const { source: whole } = await openSourceImages(folder, { part: "test", seed: 0 });
    expect(squareNote(whole)).toEqual({});
  });

  test("all photos that cannot be decoded are named before a set is begun", async () => {
    const folder = temporaryFolder();
    await writeClasses(folder, { cat: 3, dog: 3 });
    truncateSync(join(folder, "cat/001.jpg"), 300);
    writeFileSync(join(folder, "dog/002.jpg"), "%PDF-1.7\n");
    const error = await codedRejection(openSourceImages(folder, { part: "test", seed: 0 }));
    expect([error.code, error.exitCode]).toEqual(["ERR_BAD_IMAGES", 2]);
    expect(error.message).toContain("  cat/001.jpg: it is a JPEG, truncated");
    expect(error.message).toContain("  dog/002.jpg: it is a PDF");
    expect(error.message).not.toContain("--on-bad-image");
  });

  test("images in memory are shared; their digest identifies them", async () => {
    const set = makeDataset({ length: 5, classes: 2, height: 4, width: 4 });
    const all = sourceOfDataset(set, { part: "test", seed: 0 });
    expect((await readSourceImage(all.source, 3)).pixels).toEqual(set.pixels(3));
    expect(all.files[3]).toBe("class 1/00003");
    expect(sourceOfDataset(set, { part: "test", seed: 0 }).digest).toBe(all.digest);
    expect(sourceOfDataset(set, { part: "test", seed: 0, limit: 4 }).digest).not.toBe(all.digest);
    expect(() => sourceOfDataset(set, { part: "test", seed: 0, imageSize: 8 })).toThrow(
      /are 4 x 4 and are used as they are/,
    );
  });
});
