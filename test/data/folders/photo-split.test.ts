import { copyFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { type Photo, scanImageFolder } from "../../../src/data/folders/image-folder.js";
import { applySplit, assignParts, splitPhotos } from "../../../src/data/folders/photo-split.js";
import { LeftOutPhotos } from "../../../src/data/photos/bad-photos.js";
import { limitStratified } from "../../../src/data/photos/photo-set.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";
import { trainingSet, writeClasses } from "../../support/photos.js";

const photosOf = (counts: readonly number[]): Photo[] =>
  counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => ({ file: `${label}/${i}`, label })));

describe("assignParts", () => {
  test("gives each class its share, and keeps groups together", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 10, max: 60 }), { minLength: 2, maxLength: 4 }),
        fc.nat(1000),
        fc.nat(5),
        (counts, seed, pairs) => {
          const photos = photosOf(counts);
          // Pairs of neighbours, some of two classes.
          const groups = Array.from({ length: pairs }, (_, i) => [counts[0] - 1 + 2 * i, counts[0] + 2 * i]).filter(
            ([, second]) => second < photos.length,
          );
          const parts = assignParts(photos, groups, { validation: 0.2, test: 0.1 }, seed);
          for (const [a, b] of groups) expect(parts[a]).toBe(parts[b]);
          counts.forEach((count, label) => {
            const of = (part: string) => photos.filter((photo, i) => photo.label === label && parts[i] === part).length;
            // A pair of two classes counts for one of them, so that a class can differ by one more.
            expect(Math.abs(of("validation") - 0.2 * count)).toBeLessThanOrEqual(2);
            expect(Math.abs(of("test") - 0.1 * count)).toBeLessThanOrEqual(2);
          });
        },
      ),
    );
  });

  test("leaves every class a training photo, whatever the fractions are", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 12 }),
        fc.nat(1000),
        fc.double({ min: 0, max: 0.49, noNaN: true }),
        fc.double({ min: 0, max: 0.49, noNaN: true }),
        fc.nat(4),
        (counts, seed, validation, test, pairs) => {
          const photos = photosOf(counts);
          const groups = Array.from({ length: pairs }, (_, i) => [2 * i, 2 * i + 1]).filter(
            ([, b]) => b < photos.length,
          );
          const parts = assignParts(photos, groups, { validation, test }, seed);
          const trained = new Set(photos.filter((_, i) => parts[i] === "train").map(({ label }) => label));
          expect(trained.size).toBe(counts.length);
        },
      ),
    );
    const tens = photosOf(new Array(10).fill(2));
    const parts = assignParts(tens, [], { validation: 0.15, test: 0.15 }, 0);
    expect(parts.filter((part) => part === "test")).toHaveLength(3);
    expect(assignParts(photosOf([1, 1, 1]), [], { validation: 0.4, test: 0.4 }, 0)).toEqual(new Array(3).fill("train"));
  });

  test("depends on the seed", () => {
    const photos = photosOf([40, 40]);
    const fractions = { validation: 0.2, test: 0 };
    expect(assignParts(photos, [], fractions, 1)).toEqual(assignParts(photos, [], fractions, 1));
    expect(assignParts(photos, [], fractions, 1)).not.toEqual(assignParts(photos, [], fractions, 2));
  });
});

describe("splitPhotos", () => {
  test("keeps the copies of a picture in one part, for any seed and number of workers", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { a: 12, b: 12 });
    copyFileSync(join(root, "a/000.jpg"), join(root, "a/copy.jpg"));
    await sharp(join(root, "a/001.jpg")).resize(40).webp({ quality: 70 }).toFile(join(root, "a/small.webp"));
    const photos = scanImageFolder(root)!.parts.train!;
    const fractions = { validation: 0.25, test: 0.25 };
    for (const seed of [1, 2, 3]) {
      const split = await splitPhotos(root, photos, fractions, seed, { workers: 1 });
      expect(await splitPhotos(root, photos, fractions, seed, { workers: 3 })).toEqual(split);
      expect(split.nearDuplicates).toEqual([
        ["a/000.jpg", "a/copy.jpg"],
        ["a/001.jpg", "a/small.webp"],
      ]);
      for (const group of split.nearDuplicates) {
        const parts = Object.values(split.parts).filter((files) => group.some((file) => files.includes(file)));
        expect(parts).toHaveLength(1);
      }
      expect(Object.values(split.parts).flat().sort()).toEqual(photos.map(({ file }) => file));
    }
  });

  test("names all photos that cannot be decoded, or leaves them out", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { a: 6, b: 6 });
    truncateSync(join(root, "a/003.jpg"), 300);
    const photos = scanImageFolder(root)!.parts.train!;
    const fractions = { validation: 0.3, test: 0.2 };
    for (const seed of [0, 1, 2]) {
      const error = await codedRejection(splitPhotos(root, photos, fractions, seed));
      expect([error.code, error.exitCode]).toEqual(["ERR_BAD_IMAGES", 2]);
      expect(error.message).toContain("a/003.jpg: it is a JPEG, truncated or damaged");
      const leftOut = new LeftOutPhotos(root, { onBadImage: "skip" });
      const split = await splitPhotos(root, photos, fractions, seed, { leftOut });
      expect(split.leftOut).toMatchObject([{ file: "a/003.jpg" }]);
      expect(leftOut.photos).toEqual(split.leftOut);
      expect(Object.values(split.parts).flat().sort()).toEqual(
        photos.map(({ file }) => file).filter((file) => file !== "a/003.jpg"),
      );
    }
  });

  test("refuses fractions that leave no training photos", async () => {
    const refused = (validation: number, test: number) => codedRejection(splitPhotos("/", [], { validation, test }, 1));
    expect(await refused(0.9, 0.15)).toMatchObject({
      code: "ERR_VALIDATION_FRACTION",
      message:
        "splitPhotos: `validationFraction` must be in [0, 0.85), because the share 0.15 is for testing, so that photos are left to train on; got 0.9.",
    });
    expect((await refused(0.5, 0.5)).message).toContain("`validationFraction` must be in [0, 0.5)");
    expect((await refused(-0.1, 0)).message).toContain(
      "must be in [0, 1), so that photos are left to train on; got -0.1.",
    );
    expect((await refused(0.1, 1)).message).toContain("`testFraction` must be in [0, 1); got 1.");
  });

  test("a saved split is used again, unless some of its files are missing", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { a: 6, b: 6 });
    const photos = scanImageFolder(root)!.parts.train!;
    const saved = await splitPhotos(root, photos, { validation: 0.3, test: 0.2 }, 4);
    const split = JSON.parse(JSON.stringify(saved));
    // A photo that was added later is in no part.
    await writeClasses(join(root, "b"), { later: 1 }, 50);
    const parts = applySplit(scanImageFolder(root)!, split);
    expect(parts.validation.map(({ file }) => file)).toEqual(saved.parts.validation);
    expect(Object.values(parts).flat()).toHaveLength(12);
    rmSync(join(root, saved.parts.test[0]));
    const error = codedError(() => applySplit(scanImageFolder(root)!, split));
    expect(error.code).toBe("ERR_DATA_SPLIT");
    expect(error.message).toContain(`it lacks 1 photo, ${saved.parts.test[0]}. Restore`);
  });
});

test("limitStratified draws the share of each class by seed and keeps the order", async () => {
  const root = temporaryFolder();
  await writeClasses(root, { a: 12, b: 6 });
  const set = trainingSet(root);
  const some = limitStratified(set, 6, 1);
  expect([...some.labels]).toEqual([0, 0, 0, 0, 1, 1]);
  expect(some.files).toEqual([...some.samples].map((sample) => set.files[sample]));
  expect(limitStratified(set, 6, 2).files).not.toEqual(some.files);
  expect(limitStratified(set, 100, 1)).toBe(set);
  expect(codedError(() => limitStratified(set, 0, 1)).code).toBe("ERR_DATA_LIMIT");
});
