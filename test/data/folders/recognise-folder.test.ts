/** The kind of a folder, recognised by the names in it and by its contents. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { photosIn, recogniseFolder } from "../../../src/data/folders/recognise-folder.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { folderOf } from "../../support/folders.js";

/** The classes and the numbers of photos of each part. */
async function photos(...names: string[]) {
  const root = folderOf(...names);
  const { classes, hasParts: divided, parts } = await photosIn(root, recogniseFolder(root, "test") as never, "test");
  return { classes, parts: divided ? Object.entries(parts).map(([part, list]) => `${part} ${list.length}`) : "none" };
}

const refusal = (...names: string[]): string => {
  const root = folderOf(...names);
  const error = codedError(() => recogniseFolder(root, "test"));
  expect(error.code).toBe("ERR_DATA_LAYOUT");
  return error.message;
};

/** FOLDER/INNER/1.jpg for every pair. */
const each = (folders: readonly string[], inner: readonly string[]): string[] =>
  folders.flatMap((folder) => inner.map((name) => `${folder}/${name}/1.jpg`));

const PETS = ["cats", "dogs"];

describe("parts and classes", () => {
  test.each(["train", "Training", "val", "test", "training_set", "Test Images"])(
    "a class can be named %s",
    async (name) => {
      expect(await photos("bus/1.jpg", "car/1.jpg", `${name}/1.jpg`)).toEqual({
        classes: ["bus", "car", name].sort(),
        parts: "none",
      });
    },
  );

  test.each([
    ["training_set", "test_set"],
    ["seg_train", "seg_test"],
    ["Training_Set", "Validation Set"],
    ["TrainingSet", "TestSet"],
    ["train2017", "val2017"],
    ["train-images", "dev"],
    ["trainset", "test"],
  ])("%s and %s are parts, since they hold the same folders", async (train, other) => {
    const part = /test/i.test(other) ? "test" : "validation";
    expect(await photos(...each([train, other], PETS))).toEqual({ classes: PETS, parts: ["train 2", `${part} 2`] });
  });

  test("less usual names of parts are refused where their folders differ", () => {
    const message = refusal(...each(["training_set"], PETS), ...each(["test_set"], ["indoor", "outdoor"]));
    expect(message).toMatch(/hold different folders \(indoor, outdoor; cats, dogs\)/);
    expect(message).toMatch(/rename them to test and train\. If they are classes, give them other names/);
  });

  test("parts without folders of classes are refused", () => {
    const message = refusal("train/1.jpg", "test/1.jpg");
    expect(message).toMatch(/test, train are named like parts/);
    expect(message).toMatch(/sort the images of each into folders of classes/);
    expect(refusal("training_set/1.jpg", "test_set/1.jpg")).toMatch(/named like parts/);
    expect(refusal("train/1.jpg", "test/1.jpg", "bus/1.jpg")).toMatch(/move bus into the folder train/);
    expect(refusal("train/1.jpg")).toMatch(/train is named like parts of a set, but holds images/);
    // A label file is suggested only where it helps.
    expect(message).not.toMatch(/labels\.txt/);
    expect(refusal("test/1.jpg")).toMatch(/or write test_labels\.txt/);
    const labelled = folderOf("test/1.jpg", "test/2.jpg");
    writeFileSync(join(labelled, "test_labels.txt"), "1.jpg cat\n2.jpg dog\n");
    expect(recogniseFolder(labelled, "test")).toMatchObject({ kind: "photos", parts: new Map([["test", "test"]]) });
  });

  test("folders of the same classes are not classes themselves", () => {
    expect(refusal(...each(["fold1", "fold2"], PETS))).toMatch(
      /hold the same folders \(cats, dogs\).*parts of one set/s,
    );
    expect(refusal(...each(["1", "2", "3"], PETS))).toMatch(/hold the same folders/);
    expect(refusal("cats/1.jpg", "dogs/1.jpg", ...each(["val"], PETS))).toMatch(/val holds folders \(cats, dogs\)/);
    expect(refusal("cats/1.jpg", "dogs/1.jpg", ...each(["extra"], PETS))).toMatch(/extra holds folders \(cats, dogs\)/);
  });

  test("a training part beside several classes is refused, but not beside one folder of other photos", async () => {
    const message = refusal("bus/1.jpg", "car/1.jpg", ...each(["train"], ["steam", "electric"]));
    expect(message).toMatch(/train holds folders \(electric, steam\).*bus, car hold images/);
    expect(await photos("unlabelled/1.jpg", ...each(["train"], PETS))).toEqual({ classes: PETS, parts: ["train 2"] });
  });

  test("the advice of an error works", async () => {
    expect((await photos(...each(["train"], ["fold1", "fold2"]))).classes).toEqual(["fold1", "fold2"]);
    expect((await photos(...each(["train", "test"], PETS))).parts).toEqual(["train 2", "test 2"]);
    expect((await photos("trains/1.jpg", "tests/1.jpg")).classes).toEqual(["tests", "trains"]);
  });

  test("deeply nested folders belong to the class at the top", async () => {
    expect(await photos("animal/cat/tabby/1.jpg", "animal/dog/1.jpg", "car/red/old/1.jpg")).toEqual({
      classes: ["animal", "car"],
      parts: "none",
    });
  });

  test.each(["constructor", "__proto__", "toString", "a b", "ñandú", "1", "-"])(
    "a class can be named %j",
    async (name) => {
      expect((await photos(`${name}/1.jpg`, "other/1.jpg")).classes).toEqual([name, "other"].sort());
    },
  );
});

describe("severities and classes", () => {
  const SEVERITIES = ["1", "2", "3", "4", "5"];
  const severityFolders = (corruption: string, severities: readonly string[]) =>
    each(
      severities.map((severity) => `${corruption}/${severity}`),
      PETS,
    );

  test("names 1 to 5 are classes, with and without parts", async () => {
    expect((await photos(...each(["train", "test"], ["1", "2", "3"]))).classes).toEqual(["1", "2", "3"]);
    expect((await photos(...each(["train", "test"], SEVERITIES))).classes).toEqual(SEVERITIES);
    expect((await photos(...SEVERITIES.map((grade) => `${grade}/1.jpg`))).classes).toEqual(SEVERITIES);
    // Also with folders in the classes.
    expect((await photos(...each(["train/1", "train/2", "test/1", "test/2"], ["left", "right"]))).classes).toEqual([
      "1",
      "2",
    ]);
  });

  test("classes can have the names of corruptions", async () => {
    expect((await photos(...each(["snow", "fog"], ["1", "2"]))).classes).toEqual(["fog", "snow"]);
  });

  test.each([
    ["one severity", severityFolders("fog", ["3"])],
    ["all of one corruption", severityFolders("gaussian_noise", SEVERITIES)],
    [
      "another corruption beside a published one",
      [...severityFolders("snow", ["1", "2"]), ...severityFolders("rain", ["2"])],
    ],
    [
      "corruptions of other names, with all severities",
      [...severityFolders("rain", SEVERITIES), ...severityFolders("dust", SEVERITIES)],
    ],
    ["arrays", ["labels.npy", "fog.npy"]],
  ])("%s is a corrupted set", (_, names) => {
    expect(recogniseFolder(folderOf(...names), "test").kind).toBe("corrupted");
  });

  test("other names with only some of the severities are classes", async () => {
    expect(
      (await photos(...severityFolders("left", ["1", "2"]), ...severityFolders("right", ["1", "2"]))).classes,
    ).toEqual(["left", "right"]);
  });

  test("for the folder of one corruption, or of several sets, the message says which folder to give", () => {
    const root = folderOf(...severityFolders("fog", ["1", "2"]));
    const one = codedError(() => recogniseFolder(join(root, "fog"), "test"));
    expect(one.message).toContain(
      `Give ${root}, which holds the set, or one severity, such as ${join(root, "fog", "1")}`,
    );
    expect(refusal(...severityFolders("blur/zoom_blur", ["1"]), ...severityFolders("noise/shot_noise", ["1"]))).toMatch(
      /holds several corrupted sets/,
    );
  });

  test("a corrupted set is refused for training", async () => {
    const root = folderOf(...severityFolders("fog", ["1", "2"]));
    const error = await codedRejection(photosIn(root, recogniseFolder(root, "train") as never, "train"));
    expect(error.message).toMatch(/is a corrupted set in the layout imagenet-c \(fog\)/);
  });
});

describe("paths that are not folders of images", () => {
  const missing = (path: string): string => {
    const error = codedError(() => recogniseFolder(path, "test"));
    expect(error.code).toBe("ERR_DATA_MISSING");
    return error.message;
  };
  const nothing = async (...names: string[]): Promise<string> => {
    const root = folderOf(...names);
    const error = await codedRejection(photosIn(root, recogniseFolder(root, "test") as never, "test"));
    expect(error.code).toBe("ERR_DATA_LAYOUT");
    return error.message;
  };

  test("the message names the kind of a file", async () => {
    const root = folderOf("photos.zip", "set.tar.gz", "1.jpg", "list.csv");
    expect(missing(join(root, "photos.zip"))).toMatch(/is an archive\. Unpack it/);
    expect(missing(join(root, "set.tar.gz"))).toMatch(/is an archive/);
    expect(missing(join(root, "1.jpg"))).toMatch(/is one image\. Give a folder/);
    expect(missing(join(root, "list.csv"))).toMatch(/is a file/);
    expect(missing(join(root, "gone"))).toMatch(/cannot be read: no such file or directory/);
    symlinkSync(join(root, "loop"), join(root, "loop"));
    expect(missing(join(root, "loop"))).toMatch(/cannot be read: too many symbolic links/);
  });

  test.each(["ppm", "pgm", "bmp", "tif", "TIFF", "jp2", "heic"])(
    "files are counted where all have the format %s",
    async (format) => {
      const names = ["a", "b"].flatMap((name) => [1, 2, 3, 4, 5].map((i) => `${name}/${i}.${format}`));
      expect(await nothing(...names)).toMatch(
        new RegExp(`but 10 files in unsupported formats \\(10 ${format.toLowerCase()}\\)`),
      );
    },
  );

  test("photos without folders, and folders without photos", async () => {
    expect(await nothing("1.jpg", "2.jpg")).toMatch(/holds 2 photos outside of folders of classes, such as 1\.jpg/);
    expect(await nothing("a/notes.txt", "b/")).toMatch(/is not a data set in a supported layout\. Found: a, b/);
    expect(await nothing()).toMatch(/the folder is empty/);
  });

  test("labels.npy among photos is not a corrupted set, and a folder named data_batch_1.bin is not CIFAR", () => {
    const root = folderOf("a/1.jpg", "b/1.jpg");
    writeFileSync(join(root, "labels.npy"), "");
    mkdirSync(join(root, "data_batch_1.bin"));
    expect(recogniseFolder(root, "test")).toMatchObject({ kind: "photos", folders: ["a", "b", "data_batch_1.bin"] });
  });
});
