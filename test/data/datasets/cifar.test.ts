import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCifar } from "../../../src/data/datasets/cifar.js";
import { openDataset } from "../../../src/data/open-data.js";
import { cifarRecord, writeCifar10, writeCifar100 } from "../../support/cifar.js";
import { testData } from "../../support/data.js";
import { codedError, codedRejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/folders.js";

const pattern = (row: number, column: number, channel: number) => (row * 7 + column * 3 + channel * 101) % 256;

/** The interleaved pattern that `pixels` must return. */
const interleaved = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
  const pixel = Math.floor(i / 3);
  return pattern(Math.floor(pixel / 32), pixel % 32, i % 3);
});

describe("loadCifar on CIFAR-10", () => {
  test("reads labels and turns planes into interleaved pixels", () => {
    const folder = temporaryFolder();
    writeCifar10(folder, cifarRecord([7], pattern));
    for (const [split, length] of [
      ["train", 50_000],
      ["test", 10_000],
    ] as const) {
      const dataset = loadCifar(folder, split);
      expect(dataset).toMatchObject({ name: "cifar10", length, height: 32, width: 32 });
      expect([...dataset.labels.subarray(0, 2)]).toEqual([7, 0]);
      expect(dataset.pixels(0)).toEqual(interleaved);
      expect(dataset.pixels(1).every((byte) => byte === 0)).toBe(true);
      expect(dataset.classes[9]).toBe("truck");
    }
  });

  test("reads class names from batches.meta.txt, without carriage returns and empty lines", () => {
    const folder = temporaryFolder();
    writeCifar10(folder, new Uint8Array());
    writeFileSync(join(folder, "batches.meta.txt"), "a\r\nb\r\nc\nd\ne\nf\ng\nh\ni\nj k\r\n\r\n\n");
    expect(loadCifar(folder, "test").classes).toEqual(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j k"]);
    writeFileSync(join(folder, "batches.meta.txt"), "a\nb\n");
    const error = codedError(() => loadCifar(folder, "test"));
    expect(error.code).toBe("ERR_CIFAR_CLASSES");
    expect(error.message).toMatch(/batches\.meta\.txt must have 10 lines.*found 2/);
  });

  test("refuses a file of another size; the message has its name, the rule and the size", () => {
    const folder = temporaryFolder();
    writeCifar10(folder, new Uint8Array());
    truncateSync(join(folder, "data_batch_3.bin"), 5000 * 3073);
    const error = codedError(() => loadCifar(folder, "train"));
    expect(error.code).toBe("ERR_CIFAR_SIZE");
    expect(error.message).toContain(join(folder, "data_batch_3.bin"));
    expect(error.message).toContain("must have 30730000 bytes");
    expect(error.message).toContain("found 15365000");
    expect(loadCifar(folder, "test").length).toBe(10_000);
  });

  test("refuses a label out of range; the message has the record", () => {
    const folder = temporaryFolder();
    writeCifar10(folder, Uint8Array.from([...cifarRecord([9], pattern), ...cifarRecord([10], pattern)]));
    const error = codedError(() => loadCifar(folder, "test"));
    expect(error.code).toBe("ERR_CIFAR_LABEL");
    expect(error.message).toMatch(/\[0, 9\]; found 10 in record 1 of .*test_batch\.bin/);
  });

  test("names the missing file", () => {
    const folder = temporaryFolder();
    writeCifar10(folder, new Uint8Array());
    rmSync(join(folder, "data_batch_5.bin"));
    const error = codedError(() => loadCifar(folder, "train"));
    expect(error.code).toBe("ERR_DATA_MISSING");
    expect(error.message).toContain("data_batch_5.bin is missing");
    expect(codedError(() => loadCifar(temporaryFolder(), "train")).code).toBe("ERR_DATA_MISSING");
  });
});

describe("loadCifar on CIFAR-100", () => {
  test("uses the fine label", () => {
    const folder = temporaryFolder();
    writeCifar100(folder, cifarRecord([15, 99], pattern));
    const dataset = loadCifar(folder, "test");
    expect(dataset).toMatchObject({ name: "cifar100", length: 10_000 });
    expect(dataset.labels[0]).toBe(99);
    expect(dataset.pixels(0)).toEqual(interleaved);
    expect(dataset.classes.length).toBe(100);
    expect(new Set(dataset.classes).size).toBe(100);
    expect(dataset.classes).toEqual([...dataset.classes].sort());
    expect(dataset.classes[99]).toBe("worm");
    expect(codedError(() => loadCifar(folder, "train")).message).toContain("must have 153700000 bytes");
  });

  test("refuses a fine label of 100", () => {
    const folder = temporaryFolder();
    writeCifar100(folder, cifarRecord([0, 100], pattern));
    expect(codedError(() => loadCifar(folder, "test")).code).toBe("ERR_CIFAR_LABEL");
  });
});

describe("openDataset", () => {
  test("opens a CIFAR folder, also one level down", async () => {
    const folder = temporaryFolder();
    writeCifar10(join(folder, "cifar-10-batches-bin"), cifarRecord([4], pattern));
    mkdirSync(join(folder, "other"));
    expect((await openDataset(folder, "test")).labels[0]).toBe(4);
    expect((await openDataset(join(folder, "cifar-10-batches-bin"), "test")).name).toBe("cifar10");
    writeCifar100(join(folder, "cifar-100-binary"), new Uint8Array());
    const error = await codedRejection(openDataset(folder, "test"));
    expect(error.code).toBe("ERR_DATA_LAYOUT");
    expect(error.message).toMatch(/several data sets.*cifar-10-batches-bin, .*cifar-100-binary/);
  });

  test("lists the entries found and the supported layouts", async () => {
    const folder = temporaryFolder();
    const empty = await codedRejection(openDataset(folder, "train"));
    expect(empty.code).toBe("ERR_DATA_LAYOUT");
    expect(empty.message).toContain("the folder is empty");
    for (let i = 0; i < 10; i++) writeFileSync(join(folder, `note-${i}.txt`), "");
    const other = await codedRejection(openDataset(folder, "train"));
    expect(other.message).toContain("note-0.txt");
    expect(other.message).toContain("and 2 more");
    expect(other.message).toContain("data_batch_1.bin");
    renameSync(join(folder, "note-0.txt"), join(folder, "data_batch_1"));
    expect((await codedRejection(openDataset(folder, "train"))).message).toContain("Python version");
    expect((await codedRejection(openDataset(join(folder, "absent"), "train"))).code).toBe("ERR_DATA_MISSING");
    expect((await codedRejection(openDataset(join(folder, "note-1.txt"), "train"))).message).toContain("is a file");
  });
});

const cifar10 = testData("cifar10");

describe.skipIf(cifar10 === undefined)("the real CIFAR-10", () => {
  test("has the known classes in equal parts, and a frog first", async () => {
    const train = await openDataset(cifar10!, "train");
    expect(train.length).toBe(50_000);
    const counts = new Array<number>(10).fill(0);
    for (const label of train.labels) counts[label]++;
    expect(counts).toEqual(new Array(10).fill(5000));
    // The first record of the published file: label 6, top left pixel (59, 62, 63).
    expect(train.classes[train.labels[0]]).toBe("frog");
    expect([...train.pixels(0).subarray(0, 6)]).toEqual([59, 62, 63, 43, 46, 45]);
    const test_ = await openDataset(cifar10!, "test");
    expect(test_.classes[test_.labels[0]]).toBe("cat");
    expect([...test_.pixels(0).subarray(0, 3)]).toEqual([158, 112, 49]);
  });
});
