/** Cross-validation: each photo is a test photo of one fold, and copies are in the same fold. */
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assignFolds, foldSplits } from "../../../src/data/folders/folds.js";
import { codedRejection } from "../../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { writeClasses } from "../../support/photos.js";

const photos = sharedTemporaryFolder();
await writeClasses(photos, { cat: 9, dog: 6 });
// A copy of a photo under another name.
cpSync(join(photos, "cat/000.jpg"), join(photos, "cat/copy.jpg"));

test("each photo is tested in one fold and trained on in all others; classes are spread; copies stay together", async () => {
  const splits = await foldSplits(photos, 3, 0, { workers: 1 });
  expect(splits).toHaveLength(3);
  const all = splits.flatMap(({ parts }) => parts.test);
  expect(new Set(all).size).toBe(16);
  expect(all).toHaveLength(16);
  for (const { parts } of splits) {
    expect([...parts.train, ...parts.test].sort()).toEqual([...all].sort());
    expect(parts.validation).toEqual([]);
    expect(parts.test.filter((file) => file.startsWith("dog"))).toHaveLength(2);
  }
  const [own] = splits.filter(({ parts }) => parts.test.includes("cat/copy.jpg"));
  expect(own.parts.test).toContain("cat/000.jpg");
  // Another seed splits in another way, the same seed in the same way.
  expect(await foldSplits(photos, 3, 0, { workers: 1 })).toEqual(splits);
  expect((await foldSplits(photos, 3, 1, { workers: 1 }))[0].parts).not.toEqual(splits[0].parts);
});

test("every class is spread as evenly as its groups allow", () => {
  const set = Array.from({ length: 40 }, (_, i) => ({ file: `${i}`, label: i % 3 }));
  const foldOf = assignFolds(set, [[0, 3, 6]], 4, 7);
  for (const label of [0, 1, 2]) {
    const counts = [0, 1, 2, 3].map(
      (fold) => set.filter((photo, i) => photo.label === label && foldOf[i] === fold).length,
    );
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
  expect(new Set([foldOf[0], foldOf[3], foldOf[6]]).size).toBe(1);
});

test("refuses numbers of folds and folders that do not fit", async () => {
  expect((await codedRejection(foldSplits(photos, 7, 0))).message).toMatch(
    /from 2 to 6, the number of photos of the smallest class \(dog\); got 7/,
  );
  expect((await codedRejection(foldSplits(photos, 1, 0))).code).toBe("ERR_FOLDS");
  const divided = temporaryFolder();
  for (const part of ["train", "test"]) {
    mkdirSync(join(divided, part));
    cpSync(photos, join(divided, part), { recursive: true });
  }
  expect((await codedRejection(foldSplits(divided, 2, 0))).message).toContain("has parts of its own");
});
