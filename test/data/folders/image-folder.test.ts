import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkClasses, scanImageFolder } from "../../../src/data/folders/image-folder.js";
import { codedError } from "../../support/errors.js";
import { folderOf } from "../../support/folders.js";

describe("scanImageFolder", () => {
  test("without parts all photos are training photos, and classes are sorted by name", () => {
    const folder = scanImageFolder(folderOf("b/2.png", "b/1.JPG", "a/x.webp", "c/deep/er/y.gif", "c/z.avif"))!;
    expect(folder.hasParts).toBe(false);
    expect(folder.classes).toEqual(["a", "b", "c"]);
    expect(folder.parts).toEqual({
      train: [
        { file: "a/x.webp", label: 0 },
        { file: "b/1.JPG", label: 1 },
        { file: "b/2.png", label: 1 },
        { file: "c/deep/er/y.gif", label: 2 },
        { file: "c/z.avif", label: 2 },
      ],
    });
    expect(folder.ignored).toEqual([]);
  });

  test.each([
    ["train", "validation", "test"],
    ["training", "valid", "testing"],
    ["Train", "VAL", "Test"],
  ])("knows the parts %s, %s and %s", (train, validation, test) => {
    const folder = scanImageFolder(
      folderOf(`${train}/a/1.jpg`, `${train}/b/2.jpg`, `${validation}/b/3.jpg`, `${test}/a/4.jpg`),
    )!;
    expect(folder.hasParts).toBe(true);
    expect(folder.parts.train).toHaveLength(2);
    expect(folder.parts.validation).toEqual([{ file: `${validation}/b/3.jpg`, label: 1 }]);
    expect(folder.parts.test).toEqual([{ file: `${test}/a/4.jpg`, label: 0 }]);
  });

  test("matches classes by name, not by their index in a part", () => {
    const folder = scanImageFolder(folderOf("train/a/1.jpg", "train/b/2.jpg", "train/c/3.jpg", "val/c/4.jpg"))!;
    expect(folder.parts.validation).toEqual([{ file: "val/c/4.jpg", label: 2 }]);
  });

  test("a class can be named test where there is no folder train", () => {
    const folder = scanImageFolder(folderOf("test/1.jpg", "other/2.jpg"))!;
    expect([folder.hasParts, folder.classes]).toEqual([false, ["other", "test"]]);
    expect(scanImageFolder(folderOf("test/a/1.jpg", "val/a/2.jpg"))!.hasParts).toBe(true);
  });

  test("ignores and lists hidden, stray and empty entries and files that are not images", () => {
    const root = folderOf(
      ".DS_Store",
      "train/a/1.jpg",
      "train/a/.hidden.jpg",
      "train/a/Thumbs.db",
      "train/a/notes.txt",
      "train/b/2.jpg",
      "train/b/3.heic",
      "train/loose.jpg",
      "train/empty/",
      "extra/a/9.jpg",
      "README.md",
      "__MACOSX/a/1.jpg",
    );
    const { classes, parts, ignored } = scanImageFolder(root)!;
    expect(classes).toEqual(["a", "b"]);
    expect(parts.train).toHaveLength(2);
    expect([...ignored].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: ".DS_Store", reason: "hidden" },
      { path: "README.md", reason: "stray" },
      { path: "__MACOSX/", reason: "hidden" },
      { path: "extra/", reason: "stray" },
      { path: "train/a/.hidden.jpg", reason: "hidden" },
      { path: "train/a/Thumbs.db", reason: "hidden" },
      { path: "train/a/notes.txt", reason: "not-an-image" },
      { path: "train/b/3.heic", reason: "unread-format", detail: "heic" },
      { path: "train/empty/", reason: "empty" },
      { path: "train/loose.jpg", reason: "stray" },
    ]);
  });

  test("follows links, stops at loops, and joins Unicode spellings of one name", () => {
    const root = folderOf("a/1.jpg", "e\u0301te/2.jpg", "\u00e9te/3.jpg");
    symlinkSync(root, join(root, "a", "up"));
    symlinkSync(join(root, "a", "1.jpg"), join(root, "a", "2.jpg"));
    symlinkSync("/nowhere", join(root, "a", "lost.jpg"));
    const folder = scanImageFolder(root)!;
    expect(folder.classes).toEqual(["a", "\u00e9te"]);
    const files = folder.parts.train!.map(({ file }) => file);
    expect(files).toEqual(expect.arrayContaining(["a/1.jpg", "a/2.jpg", "a/lost.jpg"]));
    expect(folder.parts.train!.filter(({ label }) => label === 1)).toHaveLength(2);
  });

  test("is undefined where there are no photos in folders", () => {
    expect(scanImageFolder(folderOf("1.jpg", "a/notes.txt"))).toBeUndefined();
    expect(scanImageFolder(folderOf())).toBeUndefined();
  });

  test("refuses two folders for one part", () => {
    const error = codedError(() => scanImageFolder(folderOf("train/a/1.jpg", "val/a/2.jpg", "valid/a/3.jpg")));
    expect(error.code).toBe("ERR_DATA_LAYOUT");
    expect(error.message).toMatch(/val and .*valid both stand for the validation part/);
  });
});

describe("checkClasses", () => {
  test("refuses a single class, and a class without training photos", () => {
    const check = (...names: string[]) => codedError(() => checkClasses(scanImageFolder(folderOf(...names))!));
    expect(check("photos/a/1.jpg", "photos/b/1.jpg").message).toMatch(/at least two classes; found only photos/);
    const error = check("train/cat/1.jpg", "train/dog/1.jpg", "val/cats/2.jpg");
    expect(error.code).toBe("ERR_DATA_CLASSES");
    expect(error.message).toMatch(/photos of cats .* Did you mean cat\?/);
    checkClasses(scanImageFolder(folderOf("train/a/1.jpg", "train/b/1.jpg", "val/b/2.jpg"))!);
  });
});
