import { expect, test } from "vitest";
import { type BadPhoto, LeftOutPhotos, listBadPhotos } from "../../../src/data/photos/bad-photos.js";
import { RunError, UsageError } from "../../../src/errors.js";
import { codedError } from "../../support/errors.js";

const bad = (count: number, first = 0): BadPhoto[] =>
  Array.from({ length: count }, (_, i) => ({ file: `a/${first + i}.jpg`, reason: "it is empty" }));

test("a long list is shortened to a count", () => {
  expect(listBadPhotos(bad(2))).toEqual(["  a/0.jpg: it is empty", "  a/1.jpg: it is empty"]);
  expect(listBadPhotos(bad(10))).toHaveLength(10);
  expect(listBadPhotos(bad(1200)).slice(9)).toEqual(["  a/9.jpg: it is empty", "  and 1190 more"]);
});

test("photos are refused by name, and the advice to skip them is given only where that is possible", () => {
  const asked = codedError(() => new LeftOutPhotos("set", { onBadImage: "fail" }).addBefore(bad(1)));
  expect(asked).toBeInstanceOf(UsageError);
  expect(asked.message).toContain("1 photo of set cannot be read:\n  a/0.jpg: it is empty\n");
  expect(asked.message).toContain("(`data.onBadImage: skip`)");
  const met = codedError(() => new LeftOutPhotos("set", {}).add(bad(2)));
  expect(met).toBeInstanceOf(RunError);
  expect(met.code).toBe("ERR_IMAGE");
  expect(met.message).not.toContain("--on-bad-image");
});

test("each file counts once over all parts and passes", () => {
  const leftOut = new LeftOutPhotos("set", { onBadImage: "skip", maxBad: 3 });
  leftOut.addBefore(bad(2));
  leftOut.add(bad(3));
  leftOut.add(bad(1, 2));
  expect(leftOut.photos).toEqual(bad(3));
  const error = codedError(() => leftOut.add(bad(1, 3)));
  expect([error.code, error.message]).toEqual([
    "ERR_BAD_IMAGES",
    expect.stringContaining("4 photos of set cannot be read, and at most 3"),
  ]);
});
