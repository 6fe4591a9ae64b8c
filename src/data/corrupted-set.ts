/** Sets of corrupted images on disk in the layouts of ImageNet-C and CIFAR-10-C: published ones and those of `corrupt`. */

import { createHash } from "node:crypto";
import { existsSync, type Stats, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { didYouMean, UsageError } from "../errors.js";
import { CIFAR_CLASSES } from "./datasets/cifar.js";
import { InMemoryDataset } from "./datasets/dataset.js";
import { type NpyFile, openNpy, readNpyBytes, readNpyIntegers } from "./datasets/npy.js";
import { limitPrefix } from "./datasets/subset.js";
import {
  CORRUPTED_SET_MANIFEST,
  type CorruptedLayout,
  corruptedLayout,
  SEVERITIES,
} from "./folders/corrupted-layout.js";
import { FolderReader, systemReason } from "./folders/folder-reader.js";
import { scanImageFolder } from "./folders/image-folder.js";
import { readingFindings, refuseFolder } from "./inspection/check-structure.js";
import { evaluationBatches } from "./loading/loader.js";
import type { EvaluationImages } from "./opened-data.js";
import { type EvaluationPhotoOptions, evaluationPhotos } from "./photos/photo-loader.js";
import type { PhotoSet } from "./photos/photo-set.js";
import { limitStratified, photoSet } from "./photos/photo-set.js";
import { readManifest, type SetManifest } from "./writing/set-manifest.js";

export { CORRUPTED_SET_MANIFEST, type CorruptedLayout } from "./folders/corrupted-layout.js";

/** Side of the images of ImageNet-C. */
const IMAGENET_SIZE = 224;

/** A set of corrupted images on disk. */
export interface CorruptedSet {
  readonly path: string;
  readonly name: string;
  readonly layout: CorruptedLayout;
  /** Names of its corruptions in the order of their code units. */
  readonly corruptions: readonly string[];
  readonly classes: readonly string[];
  /** Height and width of the images in the batches. */
  readonly imageSize: number;
  /** The severities of a corruption that the set has, of 1 .. 5. */
  severities(corruption: string): readonly number[];
  /**
   * The images of one corruption at one severity. The order is the same for all of them: sample i always shows the same image.
   *
   * @throws UsageError ERR_CORRUPTION, ERR_SEVERITY where the set has no such images
   * @throws UsageError ERR_NPY, ERR_DATA_SHAPE, ERR_DATA_LABEL where its files are damaged or do not fit together
   */
  images(corruption: string, severity: number): EvaluationImages;
  /**
   * The keys of the photos that {@link images} were made from, by the identities of the images. By them a run recognises its photos.
   *
   * @returns undefined where `advprop corrupt` recorded none, as for published sets and for images in memory
   */
  keys(corruption: string, severity: number): readonly (string | undefined)[] | undefined;
  /**
   * SHA-256 over the names, sizes and modification times of the files that these images are read from. It changes when a file
   * is written again, and can be computed without reading the files.
   *
   * @throws UsageError ERR_DATA_MISSING where a file is missing, and what {@link images} throws
   */
  fingerprint(corruption: string, severity: number): string;
}

export interface CorruptedSetOptions
  extends Partial<
    Pick<EvaluationPhotoOptions, "interpolation" | "cropFraction" | "workers" | "prefetch" | "onBadImage" | "maxBad">
  > {
  /** Side to which photos are resized, by default 224. Arrays are used as they are. */
  readonly imageSize?: number | null;
  /** The number of images of each severity to use: the first ones of an array; of photos, a random draw by class and seed. */
  readonly limitTest?: number | null;
  /** Seed of that draw, by default 0. */
  readonly seed?: number;
}

/**
 * Opens a set of corrupted images in one of two layouts. The first is a folder with `labels.npy`, (5 N) or (N), and an array
 * (5 N, H, W, 3) uint8 for each corruption: N images of severity 1, then those of 2 .. 5. The second is a folder with
 * CORRUPTION/SEVERITY/CLASS/FILE.
 *
 * Photos are used without a crop, unless `cropFraction` is given: the published ones have 224 x 224 pixels already. Classes are
 * those that `advprop corrupt` recorded, else the names of the folders. For arrays without a record they are the names of
 * CIFAR-10 where all labels are below 10, else those of CIFAR-100.
 *
 * @returns undefined where the folder has neither layout
 * @throws UsageError ERR_NPY, ERR_DATA_SHAPE, ERR_DATA_LABEL where the labels are damaged
 */
export function openCorruptedSet(path: string, options: CorruptedSetOptions = {}): CorruptedSet | undefined {
  const root = resolve(path);
  const found = corruptedLayout(new FolderReader(root));
  if (found === undefined) return undefined;
  const { layout, severities } = found;
  return layout === "cifar-c"
    ? new ArraySet(root, [...severities.keys()], options)
    : new PhotoFolders(root, severities, options);
}

/**
 * Whether `advprop corrupt` wrote the photos of a set at their own sizes. Then they are cropped like clean photos, so that both can be
 * compared.
 */
export function hasOriginalSizes(path: string): boolean {
  const manifest = join(path, CORRUPTED_SET_MANIFEST);
  return existsSync(manifest) && readManifest(manifest).madeFrom["image size"] === null;
}

/** @throws UsageError ERR_CORRUPTION, ERR_SEVERITY */
function checkRequest(set: CorruptedSet, corruption: string, severity: number): void {
  if (!set.corruptions.includes(corruption)) {
    throw new UsageError(
      "ERR_CORRUPTION",
      `openCorruptedSet: ${set.path} has the corruptions ${set.corruptions.join(", ")}; got ${corruption}.` +
        didYouMean(corruption, set.corruptions),
    );
  }
  const severities = set.severities(corruption);
  if (severities.includes(severity)) return;
  throw new UsageError(
    "ERR_SEVERITY",
    `openCorruptedSet: ${corruption} in ${set.path} has the severities ${severities.join(", ")}; got ${severity}.`,
  );
}

/** The layout of CIFAR-10-C. */
class ArraySet implements CorruptedSet {
  readonly layout = "cifar-c";
  readonly path: string;
  readonly name: string;
  readonly corruptions: readonly string[];
  readonly classes: readonly string[];
  readonly imageSize: number;
  readonly #labels: Int32Array;
  readonly #photos: SetManifest["photos"];
  readonly #limit: number | null | undefined;

  constructor(path: string, corruptions: readonly string[], { limitTest }: CorruptedSetOptions) {
    this.path = path;
    this.name = basename(path);
    this.corruptions = corruptions;
    if (this.corruptions.length === 0) {
      throw new UsageError(
        "ERR_DATA_MISSING",
        `openCorruptedSet: ${path} has labels.npy but no array of a corruption.`,
      );
    }
    const images = this.#open(this.corruptions[0]);
    this.imageSize = images.shape[1];
    this.#labels = labelsOf(join(path, "labels.npy"), images);
    const manifest = noted(path);
    this.classes = manifest?.classes ?? cifarClasses(path, this.#labels);
    this.#photos = manifest?.photos;
    this.#limit = limitTest;
  }

  severities(): readonly number[] {
    return SEVERITIES;
  }

  images(corruption: string, severity: number): EvaluationImages {
    checkRequest(this, corruption, severity);
    const file = this.#open(corruption);
    const [all, height, width] = file.shape;
    const count = all / SEVERITIES.length;
    const imageBytes = height * width * 3;
    if (count !== this.#labels.length || height !== this.imageSize) {
      throw new UsageError(
        "ERR_DATA_SHAPE",
        `openCorruptedSet: the arrays of a set must have one shape; ${file.path} has (${file.shape.join(", ")}), while there are ` +
          `${this.#labels.length} labels a severity and images of ${this.imageSize} pixels. Download or make it again.`,
      );
    }
    const dataset = new InMemoryDataset({
      name: `${this.name}, ${corruption} ${severity}`,
      classes: this.classes,
      height,
      width,
      labels: this.#labels,
      pixels: readNpyBytes(file, (severity - 1) * count * imageBytes, count * imageBytes),
    });
    const limited = this.#limit == null ? dataset : limitPrefix(dataset, this.#limit);
    return {
      length: limited.length,
      batches: (batchSize) => ({
        async *[Symbol.asyncIterator]() {
          yield* evaluationBatches(limited, batchSize);
        },
      }),
    };
  }

  keys(): readonly string[] | undefined {
    // In the order of the images, since no name of a file is a number.
    return this.#photos && Object.values(this.#photos);
  }

  fingerprint(corruption: string, severity: number): string {
    checkRequest(this, corruption, severity);
    return fingerprintOf(this.path, [`${corruption}.npy`, "labels.npy"]);
  }

  /** @throws UsageError ERR_NPY, ERR_DATA_SHAPE */
  #open(corruption: string): NpyFile {
    const file = openNpy(join(this.path, `${corruption}.npy`));
    const [count, height, width, channels] = file.shape;
    if (file.type === "|u1" && file.shape.length === 4 && channels === 3 && height === width && count % 5 === 0)
      return file;
    throw new UsageError(
      "ERR_DATA_SHAPE",
      `openCorruptedSet: ${file.path} must be an array (5 N, S, S, 3) of bytes, N images of each severity; it is ` +
        `(${file.shape.join(", ")}) of ${file.type}.`,
    );
  }
}

/** SHA-256 over names, sizes and modification times. */
function fingerprintOf(root: string, files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = statusOf(join(root, file));
    hash.update(JSON.stringify([file, size, mtimeMs]));
  }
  return hash.digest("hex");
}

function statusOf(file: string): Stats {
  try {
    return statSync(file);
  } catch (cause) {
    const message = `openCorruptedSet: ${file} cannot be read: ${systemReason(cause)}. Restore it, or remove it at every corruption and severity.`;
    throw new UsageError("ERR_DATA_MISSING", message, { cause });
  }
}

/** (N) labels from an array that holds them once, or once for each severity. In the second case they must repeat. */
function labelsOf(path: string, images: NpyFile): Int32Array {
  const file = openNpy(path);
  const labels = readNpyIntegers(file);
  const count = images.shape[0] / SEVERITIES.length;
  const repeats = labels.every((label, i) => label === labels[i % count]);
  if (file.shape.length === 1 && (labels.length === count || (labels.length === 5 * count && repeats))) {
    return labels.slice(0, count);
  }
  throw new UsageError(
    "ERR_DATA_SHAPE",
    `openCorruptedSet: ${path} must hold the ${count} labels of one severity, either once or five times; it has the shape ` +
      `(${file.shape.join(", ")})${repeats ? "" : " and does not repeat"}.`,
  );
}

function cifarClasses(path: string, labels: Int32Array): readonly string[] {
  const most = labels.reduce((largest, label) => Math.max(largest, label), 0);
  if (most < 10) return CIFAR_CLASSES.cifar10;
  if (most < 100) return CIFAR_CLASSES.cifar100;
  throw new UsageError(
    "ERR_DATA_LABEL",
    `openCorruptedSet: labels must be below 100, as those of CIFAR-10 and CIFAR-100; ${join(path, "labels.npy")} has ${most}.`,
  );
}

/**
 * What `advprop corrupt` recorded; undefined for a published set, which has no such record.
 *
 * @throws UsageError ERR_SET_INCOMPLETE where the set is not finished
 */
function noted(path: string): SetManifest | undefined {
  const file = join(path, CORRUPTED_SET_MANIFEST);
  if (!existsSync(file)) return undefined;
  const manifest = readManifest(file);
  if (manifest.complete) return manifest;
  throw new UsageError(
    "ERR_SET_INCOMPLETE",
    `openCorruptedSet: ${path} is not finished. Run the command that makes it again.`,
  );
}

/** The layout of ImageNet-C. */
class PhotoFolders implements CorruptedSet {
  readonly layout = "imagenet-c";
  readonly path: string;
  readonly name: string;
  readonly corruptions: readonly string[];
  readonly classes: readonly string[];
  readonly imageSize: number;
  readonly #severities: ReadonlyMap<string, readonly number[]>;
  readonly #keys: SetManifest["photos"];
  readonly #options: CorruptedSetOptions;

  constructor(path: string, severities: ReadonlyMap<string, readonly number[]>, options: CorruptedSetOptions) {
    this.path = path;
    this.name = basename(path);
    this.corruptions = [...severities.keys()];
    this.#severities = severities;
    this.#options = options;
    this.imageSize = options.imageSize ?? IMAGENET_SIZE;
    const manifest = noted(path);
    this.classes = manifest?.classes ?? this.#firstClasses();
    this.#keys = manifest?.photos;
  }

  severities(corruption: string): readonly number[] {
    return this.#severities.get(corruption) ?? [];
  }

  images(corruption: string, severity: number): EvaluationImages {
    const { limitTest: _, seed: __, cropFraction = 1, ...options } = this.#options;
    const size = this.imageSize;
    const set = this.#photos(corruption, severity);
    return {
      length: set.length,
      batches: (batchSize) => ({
        // The threads end after one pass: there are 75 sets of images, and most of them are read once.
        [Symbol.asyncIterator]: async function* (this: void) {
          const photos = evaluationPhotos(set, { ...options, cropFraction, batchSize, size });
          try {
            yield* photos;
          } finally {
            await photos.close();
          }
        },
      }),
    };
  }

  keys(corruption: string, severity: number): readonly (string | undefined)[] | undefined {
    const keys = this.#keys;
    return keys && this.#scan(corruption, severity).parts.train!.map(({ file }) => keys[file]);
  }

  fingerprint(corruption: string, severity: number): string {
    const { root, files } = this.#photos(corruption, severity);
    return fingerprintOf(root, files);
  }

  /** @throws UsageError ERR_CORRUPTION, ERR_SEVERITY, ERR_DATA_CLASSES */
  #photos(corruption: string, severity: number): PhotoSet {
    checkRequest(this, corruption, severity);
    const { limitTest, seed = 0 } = this.#options;
    const folder = this.#scan(corruption, severity);
    const unknown = folder.classes.find((name) => !this.classes.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(
        "ERR_DATA_CLASSES",
        `openCorruptedSet: every severity must have the same classes; ${unknown} is in ${folder.root}, but not at the first severity of ${this.path}.`,
      );
    }
    const photos = folder.parts.train!.map(({ file, label }) => ({
      file,
      label: this.classes.indexOf(folder.classes[label]),
    }));
    const all = { ...photoSet(folder, photos, photos), classes: this.classes };
    return limitTest == null ? all : limitStratified(all, limitTest, seed);
  }

  #firstClasses(): readonly string[] {
    const [[corruption, [severity]]] = this.#severities;
    return this.#scan(corruption, severity).classes;
  }

  #scan(corruption: string, severity: number) {
    const path = join(this.path, corruption, String(severity));
    // An empty map: the folders of a severity are classes, also where a class is named like a part.
    const folder = scanImageFolder(path, new Map());
    if (folder !== undefined) {
      refuseFolder(path, readingFindings(folder), "openCorruptedSet");
      return folder;
    }
    throw new UsageError("ERR_DATA_MISSING", `openCorruptedSet: ${path} must hold a folder of photos for each class.`);
  }
}
