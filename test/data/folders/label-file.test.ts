import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { scanImageFolder } from "../../../src/data/folders/image-folder.js";
import { openData } from "../../../src/data/open-data.js";
import { codedError } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";
import { picture, writeClasses, writePicture } from "../../support/photos.js";

/** A set whose photos `val/a 1.jpg`, `val/b.jpg` and `val/c.jpg` are in one folder, with a label file of these lines. */
async function setWith(lines: string | undefined, part = "val"): Promise<string> {
  const root = temporaryFolder();
  await writeClasses(join(root, "train"), { cat: 2, "wild dog": 2 });
  for (const [i, name] of ["a 1.jpg", "b.jpg", "c.jpg"].entries()) {
    await writePicture(join(root, part, name), picture(50 + i));
  }
  if (lines !== undefined) writeFileSync(join(root, `${part}_labels.txt`), lines);
  return root;
}

const RIGHT = "c.jpg cat\r\n\nb.jpg   wild dog\na 1.jpg\tcat\n";

describe("a part without folders of classes", () => {
  test("the names in its label file and on disk may have accents in different forms", async () => {
    const root = await setWith(undefined);
    await writePicture(join(root, "val", "caf\u0065\u0301.jpg"), picture(60));
    writeFileSync(join(root, "val_labels.txt"), `${RIGHT}caf\u00e9.jpg cat\n`);
    expect(scanImageFolder(root)!.parts.validation).toHaveLength(4);
  });

  test.each([
    ["val", "validation"],
    ["Validation", "validation"],
    ["test", "test"],
  ] as const)("%s has the classes of its label file", async (folder, part) => {
    const { parts, classes, ignored } = scanImageFolder(await setWith(RIGHT, folder))!;
    expect(classes).toEqual(["cat", "wild dog"]);
    expect(parts[part]).toEqual([
      { file: `${folder}/a 1.jpg`, label: 0 },
      { file: `${folder}/b.jpg`, label: 1 },
      { file: `${folder}/c.jpg`, label: 0 },
    ]);
    expect(ignored).toEqual([]);
  });

  test("returns its photos for evaluation with these classes", async () => {
    const augmentation = { crop: 0, flip: true };
    const data = await openData(await setWith(RIGHT), { seed: 0, imageSize: 24, workers: 1, augmentation });
    onTestFinished(() => data.close());
    expect([data.train!.length, data.validation!.length]).toEqual([4, 3]);
    for await (const { labels } of data.validation!.batches(3)) expect([...labels]).toEqual([0, 1, 0]);
  });

  test("without training photos any class name is allowed", async () => {
    const root = await setWith("a 1.jpg\tx\nb.jpg y\nc.jpg x");
    rmSync(join(root, "train"), { recursive: true });
    expect(scanImageFolder(root)).toMatchObject({ classes: ["x", "y"], hasParts: true });
  });

  test.each([
    ["b.jpg", /val_labels\.txt:1: must have the form FILE CLASS, as in photo\.jpg cat; got b\.jpg\./],
    ["b.jpg cat\n\nb.jpeg cat", /:3: there is no photo b\.jpeg in the folder\. Did you mean b\.jpg\?/],
    ["b.jpg cat\nc.jpg cats", /:2: there is no class cats among the training folders\. Did you mean cat\?/],
    ["b.jpg cat\nc.jpg cat\nb.jpg cat", /:3: b\.jpg has a line already/],
    ["b.jpg cat", /val_labels\.txt: lines are missing for 2 of 3 photos, the first is a 1\.jpg\. Add a line/],
  ])("refuses the lines %j", async (lines, message) => {
    const root = await setWith(lines);
    const error = codedError(() => scanImageFolder(root));
    expect(error).toMatchObject({ code: "ERR_DATA_LABELS", exitCode: 2 });
    expect(error.message).toMatch(message);
  });

  test("refuses validation photos without a label file, and leaves out test photos without one", async () => {
    const validation = await setWith(undefined);
    const error = codedError(() => scanImageFolder(validation));
    expect(error.code).toBe("ERR_DATA_LABELS");
    expect(error.message).toMatch(/are not in folders of classes, and there is no .*val_labels\.txt/);
    const { parts, ignored } = scanImageFolder(await setWith(undefined, "test"))!;
    expect(parts.test).toEqual([]);
    expect(ignored).toContainEqual({ path: "test/b.jpg", reason: "stray" });
  });
});
