import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  formatUsedPhotos,
  readUsedParts,
  readUsedPhotos,
  type UsedPhoto,
} from "../../../src/data/photos/used-photos.js";
import { codedError } from "../../support/errors.js";
import { sharedTemporaryFolder } from "../../support/folders.js";

const path = join(sharedTemporaryFolder(), "photos.txt");

test("photos are read as they were written", () => {
  const photos: UsedPhoto[] = [
    { key: "k1", part: "train", file: "a b/ two  spaces .jpg" },
    { key: "k2", part: "validation", file: "a/line\u2028separator.jpg" },
    { key: "k2", part: "train", file: "a/copy.jpg" },
  ];
  const text = formatUsedPhotos(photos);
  for (const written of [text, text.slice(0, -1)]) {
    writeFileSync(path, written);
    expect(readUsedPhotos(path)).toEqual(photos);
  }
  expect([...readUsedParts(path)]).toEqual([
    ["k1", "train"],
    ["k2", "train"],
  ]);
});

test.each(["b.jpg", "k1 train", "k1 training a.jpg", ""])("the line %j is refused with its number", (line) => {
  writeFileSync(path, `k0 train a/1.jpg\n${line}\n`);
  expect(codedError(() => readUsedPhotos(path))).toMatchObject({
    code: "ERR_RUN_FILE",
    message: expect.stringContaining(`photos.txt:2: each line must be KEY PART FILE; got ${JSON.stringify(line)}`),
  });
});
