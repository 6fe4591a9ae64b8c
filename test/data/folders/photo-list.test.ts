/** Photos that a user gives as files, folders, patterns or a list. */
import { symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { listPhotos } from "../../../src/data/folders/photo-list.js";
import { codedRejection } from "../../support/errors.js";
import { folderOf } from "../../support/folders.js";

const NAMES = [
  "b.jpg",
  "a.png",
  "notes.txt",
  ".hidden.jpg",
  "deeper/c.webp",
  "deeper/d.heic",
  ".cache/e.jpg",
  "empty/",
];

const list = (given: string[], text = "") => listPhotos(given, async () => text);

test("folders give their photos and those of their subfolders, in order, and other files separately", async () => {
  const root = folderOf(...NAMES);
  expect(await list([root])).toEqual({
    photos: ["a.png", "b.jpg", "deeper/c.webp"].map((name) => join(root, name)),
    others: ["notes.txt", "deeper/d.heic"].map((name) => join(root, name)),
  });
});

test("a loop of links ends, and a path through a file is a photo that cannot be read", async () => {
  const root = folderOf("a/1.jpg", "b/2.jpg");
  symlinkSync("..", join(root, "a/up"));
  symlinkSync("..", join(root, "b/up"));
  const { photos, others } = await list([root]);
  expect(photos.map((path) => relative(root, path))).toEqual(["a/1.jpg", "b/2.jpg"]);
  expect(others.map((path) => relative(root, path))).toEqual(["a/up", "b/up"]);
  const through = join(root, "a/1.jpg/x.jpg");
  expect((await list([through])).photos).toEqual([through]);
});

test("files are accepted in the given order, whatever their names are", async () => {
  const root = folderOf(...NAMES);
  const given = ["b.jpg", "notes.txt", "not there.jpg", "a.png"].map((name) => join(root, name));
  expect(await list(given)).toEqual({ photos: given, others: [] });
});

test("patterns are expanded where no file has that name", async () => {
  const root = folderOf(...NAMES, "odd[1].jpg");
  const within = (files: readonly string[]) => files.map((file) => relative(root, file));
  expect(within((await list([`${root}/*.jpg`])).photos)).toEqual(["b.jpg", "odd[1].jpg"]);
  expect(within((await list([`${root}/**/*.{png,webp}`])).photos)).toEqual(["a.png", "deeper/c.webp"]);
  expect(within((await list([`${root}/odd[1].jpg`])).photos)).toEqual(["odd[1].jpg"]);
  const { photos, others } = await list([`${root}/*`]);
  expect([within(photos), within(others)]).toEqual([["a.png", "b.jpg", "odd[1].jpg"], ["notes.txt"]]);
});

test("- is a list with one file per line", async () => {
  expect(await list(["first.jpg", "-"], "a b.jpg\r\n\nc.jpg\n")).toEqual({
    photos: ["first.jpg", "a b.jpg", "c.jpg"],
    others: [],
  });
});

test.each([
  [[], "photos must be given"],
  [["ROOT/empty"], "there is no photo in"],
  [["ROOT/*.gif"], "there is no photo in"],
  [["-"], "the list on the standard input is empty"],
])("%j is refused", async (given, message) => {
  const root = folderOf(...NAMES);
  const error = await codedRejection(list(given.map((one) => one.replace("ROOT", root))));
  expect(error.code).toBe("ERR_PHOTOS");
  expect(error.message).toContain(message);
});
