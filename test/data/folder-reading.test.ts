/** Entries that cannot be read or named: they are reported, and do not stop the reading of other entries. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFrostTextures } from "../../src/corruptions/sets/frost-photographs.js";
import { openCorruptedSet } from "../../src/data/corrupted-set.js";
import { loadCifar } from "../../src/data/datasets/cifar.js";
import { checkData } from "../../src/data/inspection/check.js";
import { type Finding, findingLines } from "../../src/data/inspection/findings.js";
import { openData } from "../../src/data/open-data.js";
import { openSourceImages } from "../../src/data/writing/source-images.js";
import { codedError, codedRejection } from "../support/errors.js";
import { folderOf, sharedTemporaryFolder, temporaryFolder, unprivileged } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const good = sharedTemporaryFolder();
await writeClasses(good, { a: 10, b: 10 });

/** A good folder after a change. */
function folderAfter(harm: (root: string) => void): string {
  const root = temporaryFolder();
  cpSync(good, root, { recursive: true });
  chmodSync(root, 0o755);
  harm(root);
  return root;
}

/** The report of the quick `data check` without duplicates: the photos of these folders are copies of each other. */
async function checked(root: string) {
  const report = await checkData(root, { quick: true });
  return { ...report, findings: report.findings.filter(({ code }) => !code.startsWith("exact-duplicates")) };
}

/** The findings of `data check`. Opening the folder must refuse those that are errors, and return the others. */
async function findings(root: string): Promise<Pick<Finding, "code" | "severity" | "files" | "message">[]> {
  const report = await checked(root);
  const errors = report.findings.filter(({ severity }) => severity === "error");
  const open = async () => {
    const data = await openData(root, {
      seed: 0,
      augmentation: { crop: 0, flip: false },
      allForTest: true,
      parts: ["test"],
    });
    await data.close();
    return data;
  };
  if (errors.length === 0) {
    expect((await open()).findings).toEqual(report.findings);
    expect((await openSourceImages(root, { part: "test", seed: 0 })).findings).toEqual(report.findings);
  } else {
    const reading = errors.filter(({ code }) => code !== "one-class");
    for (const refused of [open, () => openSourceImages(root, { part: "test", seed: 0 })]) {
      const { code, message } = await codedRejection(refused());
      expect(code).toBe("ERR_DATA_CHECK");
      for (const line of findingLines(reading)) expect(message).toContain(line);
    }
  }
  return report.findings.map(({ code, severity, files, message }) => ({ code, severity, files, message }));
}

const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));

describe("names that are not UTF-8", () => {
  test("of a class's folder and of a photo are errors that name them", async () => {
    const folder = folderAfter((root) => renameSync(join(root, "b"), bytes(`${root}/caf`, 0xe9)));
    mkdirSync(join(folder, "c"));
    expect(await findings(folder)).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ code: "name-not-utf8", severity: "error", files: ["caf\\xE9/"] }),
      ]),
    );
    const photo = folderAfter((root) => renameSync(join(root, "b", "001.jpg"), bytes(`${root}/b/caf`, 0xe9, ".jpg")));
    const [found, ...others] = (await findings(photo)).filter(({ severity }) => severity === "error");
    expect([found.files, others]).toEqual([["b/caf\\xE9.jpg"], []]);
    expect(found.message).toMatch(/the name is not UTF-8/);
  });

  test("of other files are reported among the unused entries", async () => {
    const root = folderAfter((folder) => writeFileSync(bytes(`${folder}/a/notes`, 0xff, ".txt"), ""));
    writeFileSync(bytes(`${root}/read`, 0xff), "");
    expect(await findings(root)).toMatchObject([
      { code: "stray", files: ["read\\xFF"] },
      { code: "not-an-image", files: ["a/notes\\xFF.txt"] },
    ]);
  });

  test("a name that contains the replacement character is not an error", async () => {
    const root = folderAfter((folder) => renameSync(join(folder, "b"), join(folder, "caf\ufffd")));
    expect((await checkData(root, { quick: true })).classes.map(({ name }) => name)).toEqual(["a", "caf\ufffd"]);
  });
});

describe("names with a control character", () => {
  test("of a class's folder and of a photo are errors that name them", async () => {
    for (const [name, shown] of [
      ["b/line\nbreak.jpg", "b/line\\u000abreak.jpg"],
      ["b/\u001b[2J.jpg", "b/\\u001b[2J.jpg"],
      ["line\rbreak", "line\\u000dbreak/"],
    ]) {
      const root = folderAfter((folder) =>
        renameSync(join(folder, name.includes("/") ? "b/001.jpg" : "b"), join(folder, name)),
      );
      // A second class, so that this is the only error.
      cpSync(join(good, "a"), join(root, "c"), { recursive: true });
      const errors = (await findings(root)).filter(({ severity }) => severity === "error");
      expect(errors).toMatchObject([
        { code: "name-control-character", files: [name.includes("/") ? name : `${name}/`] },
      ]);
      expect(findingLines((await checkData(root, { quick: true })).findings).join("\n")).toContain(shown);
    }
  });

  test("of other files are reported among the unused entries", async () => {
    // File managers of macOS write such a file.
    const root = folderAfter((folder) => writeFileSync(join(folder, "a", "Icon\r"), ""));
    expect(await findings(root)).toMatchObject([{ code: "not-an-image", files: ["a/Icon\r"] }]);
  });

  test("names with spaces, quotes, other scripts and U+2028 are used", async () => {
    const names = ["a b", "it's", 'the "best"', "写真", "line\u2028separator"];
    const root = folderAfter((folder) => {
      for (const name of names) cpSync(join(good, "b"), join(folder, name), { recursive: true });
    });
    expect((await checkData(root, { quick: true })).classes.map(({ name }) => name).sort()).toEqual(
      ["a", "b", ...names].sort(),
    );
  });
});

describe("entries without read permission", () => {
  test("a class's folder, or a folder in it, is an error that names it", async () => {
    for (const closed of ["b", "b/inner"]) {
      const root = folderAfter((folder) => mkdirSync(join(folder, closed), { recursive: true }));
      chmodSync(join(root, closed), 0o000);
      const [first] = await unprivileged(() => findings(root));
      expect(first).toMatchObject({ code: "unreadable-class", severity: "error", files: [`${closed}/`] });
      expect(first.message).toMatch(/cannot be read \(permission denied\)/);
      chmodSync(join(root, closed), 0o700);
    }
  });

  test("the requested part", async () => {
    const root = folderOf("train/a/1.jpg", "train/b/1.jpg", "test/");
    chmodSync(root, 0o755);
    chmodSync(join(root, "test"), 0o000);
    const { message } = await unprivileged(() =>
      codedRejection(openData(root, { seed: 0, augmentation: { crop: 0, flip: false } })),
    );
    expect(message).toMatch(/test\/: cannot be read \(permission denied\)/);
  });

  test("a folder of the file system itself is skipped, with a note", async () => {
    const root = folderAfter((folder) => mkdirSync(join(folder, "lost+found"), { mode: 0o000 }));
    expect(await unprivileged(() => findings(root))).toMatchObject([
      { code: "unreadable", severity: "warning", files: ["lost+found/"] },
    ]);
    chmodSync(join(root, "lost+found"), 0o700);
    expect(await findings(root)).toMatchObject([{ code: "hidden", severity: "note", files: ["lost+found/"] }]);
  });

  test("the folder itself", async () => {
    const root = folderAfter((folder) => chmodSync(folder, 0o000));
    const { code, message } = await unprivileged(() => codedRejection(checkData(root)));
    expect(code).toBe("ERR_DATA_MISSING");
    expect(message).toMatch(/cannot be read: permission denied/);
  });
});

test("a CIFAR file without permission and a missing photo of a corrupted set are named", async () => {
  const cifar = folderOf("train.bin");
  chmodSync(cifar, 0o755);
  truncateSync(join(cifar, "train.bin"), 50_000 * 3074);
  chmodSync(join(cifar, "train.bin"), 0o000);
  const closed = await unprivileged(() => codedError(() => loadCifar(cifar, "train")));
  expect(closed).toMatchObject({ code: "ERR_DATA_MISSING", message: expect.stringMatching(/permission denied/) });

  const set = folderOf("fog/1/a/1.jpg", "fog/1/b/1.jpg");
  symlinkSync("/nowhere", join(set, "fog/1/b/2.jpg"));
  const gone = codedError(() => openCorruptedSet(set)!.fingerprint("fog", 1));
  expect(gone).toMatchObject({
    code: "ERR_DATA_MISSING",
    message: expect.stringMatching(/2\.jpg cannot be read: no such/),
  });
});

test("photographs of frost: unreadable ones are named, special files are not opened", async () => {
  const folder = folderOf("a.jpg");
  expect(spawnSync("mkfifo", [join(folder, "pipe.jpg")]).status).toBe(0);
  expect(await codedRejection(readFrostTextures(folder))).toMatchObject({ message: expect.stringMatching(/a\.jpg/) });
  const missing = await codedRejection(readFrostTextures(join(folder, "gone")));
  expect(missing).toMatchObject({ code: "ERR_FROST_TEXTURES", message: expect.stringMatching(/no such file/) });
});

describe("links and special files", () => {
  test("a broken link is an error where a class is expected, and a warning elsewhere", async () => {
    const root = folderAfter((folder) => {
      symlinkSync("/nowhere", join(folder, "c"));
      symlinkSync("/nowhere", join(folder, "readme.txt"));
      symlinkSync(join(folder, "a", "loop"), join(folder, "a", "loop"));
    });
    expect(await findings(root)).toMatchObject([
      { code: "broken-class-link", severity: "error", files: ["c"] },
      { code: "broken-link", severity: "warning", files: ["readme.txt", "a/loop"] },
    ]);
  });

  test("a link to a folder above is not followed", async () => {
    const root = folderAfter((folder) => symlinkSync(folder, join(folder, "a", "up")));
    expect(await findings(root)).toMatchObject([{ code: "broken-link", files: ["a/up/"] }]);
    expect((await checkData(root, { quick: true })).images).toBe(20);
  });

  test("a pipe is not opened, since that would block forever", async () => {
    const root = folderAfter((folder) => expect(spawnSync("mkfifo", [join(folder, "a", "pipe.jpg")]).status).toBe(0));
    expect(await findings(root)).toMatchObject([{ code: "special-file", severity: "warning", files: ["a/pipe.jpg"] }]);
  });
});

describe("how names are interpreted", () => {
  test("a class with images of unsupported formats only is an error", async () => {
    const root = folderAfter((folder) => {
      for (const name of ["x.heic", "y.heic", "z.ppm"]) writeFileSync(join(folder, "a", name), "");
      mkdirSync(join(folder, "c"));
      for (const name of ["x.ppm", "y.pgm"]) writeFileSync(join(folder, "c", name), "");
    });
    const found = await findings(root);
    expect(found).toMatchObject([
      { code: "unread-class", severity: "error", files: ["c/"] },
      { code: "unread-format", severity: "warning" },
    ]);
    expect(found[0].message).toMatch(/unsupported format \(1 ppm, 1 pgm\)/);
    expect(found[1].message).toMatch(/^5 files are in an unsupported format \(2 heic, 2 ppm, 1 pgm\)/);
  });

  test("classes whose names differ by capitals or punctuation, and one class in two Unicode spellings", async () => {
    const root = folderAfter((folder) => {
      for (const name of ["Red_car", "red car", "e\u0301te", "\u00e9te"]) {
        cpSync(join(good, "a"), join(folder, name), { recursive: true });
      }
    });
    expect(await findings(root)).toMatchObject([
      { code: "alike-classes", severity: "warning", message: expect.stringMatching(/"Red_car" and "red car"/) },
      { code: "joined-spellings", severity: "note", files: ["e\u0301te/"] },
    ]);
  });

  test("folders in class folders are a note, or a warning where all classes have the same ones", async () => {
    const some = folderAfter((folder) => cpSync(join(good, "a"), join(folder, "a", "more"), { recursive: true }));
    expect(await findings(some)).toMatchObject([{ code: "folders-inside", severity: "note", files: ["a/more/"] }]);
    const all = temporaryFolder();
    for (const site of ["north", "south"]) cpSync(good, join(all, site), { recursive: true });
    expect(await findings(all)).toMatchObject([{ code: "same-folders-inside", severity: "warning" }]);
  });

  test("less usual names of parts are reported", async () => {
    const root = temporaryFolder();
    for (const part of ["training_set", "test"]) cpSync(good, join(root, part), { recursive: true });
    const { findings: found } = await checked(root);
    expect(found).toMatchObject([
      { code: "part-names", message: expect.stringMatching(/training_set is read as the train part$/) },
    ]);
  });

  test("advice for classes that are one folder too deep", async () => {
    const deeper = async (root: string) => (await checkData(root, { quick: true })).findings[0];
    const around = temporaryFolder();
    cpSync(good, join(around, "photos"), { recursive: true });
    expect(await deeper(around)).toMatchObject({
      code: "one-class",
      remedy: `If the folders in photos (a, b) are the classes or the parts, give ${join(around, "photos")}.`,
    });
    const parts = temporaryFolder();
    for (const part of ["train", "test"]) cpSync(good, join(parts, part, "images"), { recursive: true });
    expect((await deeper(parts)).remedy).toMatch(/images \(a, b\) are one level too deep to be classes: move them up/);
  });
});

test("lines of findings: long lists are shortened to a count, control characters are escaped", () => {
  const finding = { code: "stray", severity: "warning", remedy: "Move it." } as const;
  const files = Array.from({ length: 8 }, (_, i) => `${i}\n`);
  expect(findingLines([{ ...finding, message: "is stray", files }])[1].trim()).toBe(
    "0\\u000a, 1\\u000a, 2\\u000a, 3\\u000a, 4\\u000a and 3 more",
  );
  const many = Array.from({ length: 13 }, (_, i) => ({ ...finding, message: "is stray", files: [`${i}`] }));
  expect(findingLines(many).at(-1)).toMatch(/and 3 more of stray/);
  const error = { ...finding, code: "empty", severity: "error", message: "is empty", files: ["x"] } as const;
  expect(findingLines([...many, error])[0]).toMatch(/^error +x: is empty/);
});
