/**
 * CIFAR-10 and CIFAR-100 in their binary layout (Krizhevsky 2009, "Learning multiple layers of features from tiny
 * images", https://www.cs.toronto.edu/~kriz/cifar.html).
 *
 * A file is a sequence of records: the label bytes, then 3072 bytes of a 32 x 32 image, one plane for red, green, blue.
 * CIFAR-10 has one label byte; CIFAR-100 a coarse and a fine one, of which the fine one is used.
 */

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { systemReason } from "../folders/folder-reader.js";
import { type Dataset, InMemoryDataset, type Split } from "./dataset.js";

const SIZE = 32;
const PLANE_BYTES = SIZE * SIZE;
const IMAGE_BYTES = 3 * PLANE_BYTES;

/** The files of one of the two sets. */
interface CifarLayout {
  readonly name: string;
  /** Label bytes of a record; the last one is the class. */
  readonly labelBytes: number;
  readonly files: Readonly<Record<Split, readonly string[]>>;
  readonly recordsPerFile: Readonly<Record<Split, number>>;
  readonly classesFile: string;
  readonly classes: readonly string[];
}

const CIFAR10: CifarLayout = {
  name: "cifar10",
  labelBytes: 1,
  files: {
    train: ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: ["test_batch.bin"],
  },
  recordsPerFile: { train: 10_000, test: 10_000 },
  classesFile: "batches.meta.txt",
  classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};

const CIFAR100: CifarLayout = {
  name: "cifar100",
  labelBytes: 2,
  files: { train: ["train.bin"], test: ["test.bin"] },
  recordsPerFile: { train: 50_000, test: 10_000 },
  classesFile: "fine_label_names.txt",
  classes: (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle " +
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant " +
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man " +
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree " +
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper " +
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train " +
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
  ).split(" "),
};

/** The published names of the classes of CIFAR-10 and of CIFAR-100, by label. */
export const CIFAR_CLASSES = { cifar10: CIFAR10.classes, cifar100: CIFAR100.classes } as const;

/** Whether a folder with these entries holds CIFAR-10 or CIFAR-100 in the binary layout, complete or not. */
export function isCifarFolder(entries: readonly string[]): boolean {
  return layoutOf(entries) !== undefined;
}

function layoutOf(entries: readonly string[]): CifarLayout | undefined {
  return [CIFAR10, CIFAR100].find(({ files }) =>
    [...files.train, ...files.test].some((file) => entries.includes(file)),
  );
}

/**
 * Reads one part of CIFAR-10 (`data_batch_1.bin` .. `data_batch_5.bin`, `test_batch.bin`) or CIFAR-100 (`train.bin`,
 * `test.bin`), whichever the folder holds. Only the files of that part need to be there. Class names come from
 * `batches.meta.txt` or `fine_label_names.txt`, else they are the published ones.
 *
 * @param path the folder with the files themselves
 * @returns samples in file order, 32 x 32 pixels
 * @throws UsageError ERR_DATA_MISSING where a file of the part is missing or cannot be read
 * @throws UsageError ERR_CIFAR_SIZE where the size of a file is not the published one
 * @throws UsageError ERR_CIFAR_LABEL where a label is out of range
 * @throws UsageError ERR_CIFAR_CLASSES where the file of class names does not have one name per class
 */
export function loadCifar(path: string, split: Split): Dataset {
  const files = [...CIFAR10.files.train, ...CIFAR10.files.test, ...CIFAR100.files.train, ...CIFAR100.files.test];
  const layout = layoutOf(files.filter((file) => existsSync(join(path, file))));
  if (layout === undefined) {
    throw new UsageError(
      "ERR_DATA_MISSING",
      `loadCifar: ${path} must hold the binary files of CIFAR-10 (data_batch_1.bin .. data_batch_5.bin, test_batch.bin) or ` +
        "CIFAR-100 (train.bin, test.bin); found none of them. Give the folder that the archive unpacks to.",
    );
  }
  const classes = readClasses(path, layout);
  const names = layout.files[split];
  const recordsPerFile = layout.recordsPerFile[split];
  const labels = new Int32Array(names.length * recordsPerFile);
  const pixels = new Uint8Array(labels.length * IMAGE_BYTES);
  names.forEach((name, i) => {
    readRecords(join(path, name), layout, {
      labels: labels.subarray(i * recordsPerFile, (i + 1) * recordsPerFile),
      pixels: pixels.subarray(i * recordsPerFile * IMAGE_BYTES, (i + 1) * recordsPerFile * IMAGE_BYTES),
    });
  });
  return new InMemoryDataset({ name: layout.name, classes, height: SIZE, width: SIZE, labels, pixels });
}

/** The layout of the record files of one part of CIFAR-10 or CIFAR-100, for programs that write such files. */
export interface CifarRecords {
  /** Names of the files, in order. */
  readonly files: readonly string[];
  readonly recordsPerFile: number;
  readonly labelBytes: number;
  readonly size: typeof SIZE;
  /** The file of class names. It can be missing. */
  readonly classesFile: string;
}

/** The records of CIFAR-10 or CIFAR-100, whichever these entries of a folder belong to; undefined where they belong to neither. */
export function cifarRecords(entries: readonly string[], split: Split): CifarRecords | undefined {
  const layout = layoutOf(entries);
  if (layout === undefined) return undefined;
  const { files, recordsPerFile, labelBytes, classesFile } = layout;
  return { files: files[split], recordsPerFile: recordsPerFile[split], labelBytes, size: SIZE, classesFile };
}

/**
 * Replaces the pixels of every record of a file. Labels and order stay.
 *
 * @param change turns the image of a record, (32, 32, 3) uint8, into another
 */
export function changeRecords(
  bytes: Uint8Array,
  labelBytes: number,
  change: (pixels: Uint8Array, record: number) => Uint8Array,
): Uint8Array {
  const changed = bytes.slice();
  const pixels = new Uint8Array(IMAGE_BYTES);
  for (let image = labelBytes, record = 0; image < bytes.length; image += labelBytes + IMAGE_BYTES, record++) {
    planarToInterleaved(bytes, image, pixels, 0);
    const others = change(pixels, record);
    for (let i = 0; i < PLANE_BYTES; i++) {
      for (let channel = 0; channel < 3; channel++)
        changed[image + channel * PLANE_BYTES + i] = others[3 * i + channel];
    }
  }
  return changed;
}

/** Reads one file into its range of the arrays. */
function readRecords(file: string, layout: CifarLayout, into: { labels: Int32Array; pixels: Uint8Array }): void {
  const { labels, pixels } = into;
  const recordBytes = layout.labelBytes + IMAGE_BYTES;
  if (!existsSync(file)) {
    throw new UsageError(
      "ERR_DATA_MISSING",
      `loadCifar: ${file} is missing, while other files of ${layout.name} are there. Copy it from the archive.`,
    );
  }
  const expected = labels.length * recordBytes;
  const found = statSync(file).size;
  if (found !== expected) {
    throw new UsageError(
      "ERR_CIFAR_SIZE",
      `loadCifar: ${file} must have ${expected} bytes (${labels.length} records of ${recordBytes}: ${layout.labelBytes} for ` +
        `the label and ${IMAGE_BYTES} for the pixels); found ${found}. The file is ${found < expected ? "cut short" : "not the published one"}: ` +
        "unpack or download the binary version again.",
    );
  }
  const bytes = bytesOf(file);
  for (let record = 0; record < labels.length; record++) {
    const image = record * recordBytes + layout.labelBytes;
    const label = bytes[image - 1];
    if (label >= layout.classes.length) {
      throw new UsageError(
        "ERR_CIFAR_LABEL",
        `loadCifar: labels must be in [0, ${layout.classes.length - 1}]; found ${label} in record ${record} of ${file}. ` +
          `The file is damaged, or not ${layout.name}: download it again and compare its checksum.`,
      );
    }
    labels[record] = label;
    planarToInterleaved(bytes, image, pixels, record * IMAGE_BYTES);
  }
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const message = `loadCifar: ${file} cannot be read: ${systemReason(cause)}. Change its permissions, or copy it from the archive.`;
    throw new UsageError("ERR_DATA_MISSING", message, { cause });
  }
}

/** Copies one image from (3, H, W) at `from` in `source` to (H, W, 3) at `to` in `target`. */
function planarToInterleaved(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let pixel = 0; pixel < PLANE_BYTES; pixel++) {
    target[to + 3 * pixel] = source[from + pixel];
    target[to + 3 * pixel + 1] = source[from + PLANE_BYTES + pixel];
    target[to + 3 * pixel + 2] = source[from + 2 * PLANE_BYTES + pixel];
  }
}

function readClasses(path: string, layout: CifarLayout): readonly string[] {
  const file = join(path, layout.classesFile);
  if (!existsSync(file)) return layout.classes;
  const names = bytesOf(file)
    .toString()
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (names.length !== layout.classes.length) {
    throw new UsageError(
      "ERR_CIFAR_CLASSES",
      `loadCifar: ${file} must have ${layout.classes.length} lines, one class name each; found ${names.length}. ` +
        "Restore it, or remove it to use the published names.",
    );
  }
  return names;
}
