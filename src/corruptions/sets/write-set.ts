/** Writes a corrupted set, in the layout of ImageNet-C or of CIFAR-10-C. */

import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, extname, join } from "node:path";
import { CORRUPTED_SET_MANIFEST, type CorruptedLayout } from "../../data/corrupted-set.js";
import { npyHeader } from "../../data/datasets/npy.js";
import { beginSet, completeSet } from "../../data/writing/set-manifest.js";
import { photosNote, type SourceImages, squareNote } from "../../data/writing/source-images.js";
import { uniquePaths } from "../../data/writing/unique-paths.js";
import { runUnits, type WorkOptions } from "../../data/writing/work-queue.js";
import { assert, RunError, UsageError } from "../../errors.js";
import { fileOfPart } from "../../parts.js";
import { checkSeed } from "../../random.js";
import { makeFolder, removeTemporaryFiles, writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { CORRUPTIONS, type CorruptionName, checkCorruption, PUBLISHED, SEVERITIES, type TableName } from "../index.js";
import { MADE_TEXTURES } from "../operations/frost-texture.js";
import { readFrostTextures } from "./frost-photographs.js";
import { arrayFiles, chunksOfArray, photoFile, type SetJob, unitsOf } from "./set-job.js";

export interface WriteCorruptedSetOptions extends Pick<WorkOptions, "workers" | "onProgress"> {
  /** The folder of the set. It must be new, empty, or hold an unfinished set with the same settings. */
  readonly to: string;
  /** By default `cifar-c` for images in memory and `imagenet-c` for photos. */
  readonly layout?: CorruptedLayout;
  /** By default the fifteen of the benchmark. */
  readonly corruptions?: readonly (CorruptionName | (string & {}))[];
  /** By default 1 .. 5, which the layout of CIFAR-10-C always has. */
  readonly severities?: readonly number[];
  /** The published set whose parameters are used; by default the one made for the nearest image size. */
  readonly table?: TableName;
  readonly seed: number;
  /** Folder of photographs from which frost takes its windows. */
  readonly frostTextures?: string;
}

/** What was written. */
export interface WrittenSet {
  readonly to: string;
  readonly layout: CorruptedLayout;
  readonly images: number;
  readonly corruptions: readonly string[];
  readonly severities: readonly number[];
}

/**
 * Corrupts every image of a source and writes the set. An unfinished set is resumed. Corruptions can be added to a finished
 * one.
 *
 * `imagenet-c`: CORRUPTION/SEVERITY/CLASS/FILE, JPEG of quality 85 as published. `.jpg` is appended to a name without a JPEG
 * extension. `cifar-c`: CORRUPTION.npy, (5 N, H, W, 3) uint8, with the N images of severity 1 first; and labels.npy, (5 N)
 * uint8, or int32 for more than 256 classes. A file or array gets its name only when it is complete, so that neither a killed
 * process nor a full disk leaves a partial one. `corruptions.json` records the settings that decide the pixels.
 *
 * @throws UsageError ERR_CORRUPTION, ERR_SEVERITY, ERR_SEED, ERR_FROST_TEXTURES, ERR_WORKERS
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made with other settings
 * @throws UsageError ERR_IMAGE_SIZE where photos of different sizes are to be written as arrays
 * @throws RunError ERR_WRITE where a file cannot be written, ERR_IMAGE where a photo cannot be decoded
 */
export async function writeCorruptedSet(images: SourceImages, options: WriteCorruptedSetOptions): Promise<WrittenSet> {
  const { to, seed, table, frostTextures, workers, onProgress } = options;
  const { source, length, samples, classes } = images;
  const layout = options.layout ?? (source.kind === "memory" ? "cifar-c" : "imagenet-c");
  const corruptions = options.corruptions ?? CORRUPTIONS;
  const severities = options.severities ?? SEVERITIES;
  checkSeed(seed, "writeCorruptedSet");
  for (const name of corruptions) for (const severity of severities) checkCorruption(name, severity);
  if (layout === "cifar-c" && severities.join() !== SEVERITIES.join()) {
    throw new UsageError(
      "ERR_SEVERITY",
      `writeCorruptedSet: the layout of CIFAR-10-C has the severities 1, 2, 3, 4, 5; got ${severities.join(", ")}. Leave them out, or ` +
        "choose the layout imagenet-c.",
    );
  }
  const files = layout === "imagenet-c" ? jpegNames(images.files) : images.files;
  const job: SetJob = {
    to,
    layout,
    source,
    length,
    samples,
    files,
    corruptions,
    severities,
    table,
    seed,
    frostTextures,
    parts: partsOf(corruptions),
  };
  const shape = layout === "cifar-c" ? arrayShape(job) : [];
  const frostDigest = frostTextures === undefined ? MADE_TEXTURES : await digestOfTextures(frostTextures);

  const madeFrom = {
    layout,
    "image size": source.kind === "photos" ? (source.size ?? null) : source.height,
    ...squareNote(source),
    parameters: table ?? null,
    seed,
    "frost textures": frostDigest,
    ...(job.parts.length > 0 && { parts: digestOf(job.parts) }),
    data: images.digest,
  };
  const begun = beginSet(to, CORRUPTED_SET_MANIFEST, madeFrom, classes, photosNote(images, files));
  try {
    if (layout === "imagenet-c") preparePhotos(job, begun);
    else for (const corruption of corruptions) beginArray(job, corruption, shape);
  } catch (cause) {
    throw cause instanceof RunError ? cause : writeError(to, cause);
  }
  await runUnits("corruptions/sets/set-worker", job, { units: unitsOf(job), workers, onProgress });
  if (layout === "cifar-c") {
    for (const corruption of corruptions) endArray(job, corruption);
    writeLabels(job, images);
  }
  completeSet(to, CORRUPTED_SET_MANIFEST);
  return { to, layout, images: length, corruptions, severities };
}

/** SHA-256 of the contents of files. */
function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}

/** The files of the corruptions that are not published. @throws UsageError ERR_CORRUPTION one was registered by the program itself */
function partsOf(corruptions: readonly string[]): string[] {
  const own = corruptions.filter((name) => !PUBLISHED.some((published) => published === name));
  const files = own.map((name) => {
    const file = fileOfPart("corruption", name);
    if (file !== undefined) return file;
    throw new UsageError(
      "ERR_CORRUPTION",
      `writeCorruptedSet: worker threads cannot know ${name}, which this program itself registered. Register it in a file of its own, and load that with loadParts`,
    );
  });
  return [...new Set(files)];
}

/** @throws UsageError ERR_IMAGE_SIZE */
function arrayShape({ source, severities, length }: SetJob): number[] {
  const [height, width] = source.kind === "memory" ? [source.height, source.width] : [source.size, source.size];
  if (height !== undefined && width !== undefined) return [severities.length * length, height, width, 3];
  throw new UsageError(
    "ERR_IMAGE_SIZE",
    "writeCorruptedSet: all photos must have the same size for the layout cifar-c. Give an image size, or choose the " +
      "layout imagenet-c.",
  );
}

/** The names with `.jpg` appended where they have no JPEG extension. */
const jpegNames = (files: readonly string[]): string[] =>
  uniquePaths(files.map((file) => (/^\.jpe?g$/i.test(extname(file)) ? file : `${file}.jpg`)));

async function digestOfTextures(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const { pixels, width } of await readFrostTextures(folder)) hash.update(`${width} `).update(pixels);
  return hash.digest("hex");
}

/** Makes every folder and removes the unfinished files of a killed process. */
function preparePhotos({ to, files, corruptions, severities }: SetJob, begun: boolean): void {
  for (const name of corruptions) {
    for (const severity of severities) {
      for (const folder of new Set(files.map((file) => dirname(photoFile(to, name, severity, file))))) {
        makeFolder(folder);
        if (begun) removeTemporaryFiles(folder);
      }
    }
  }
}

/** Unless it was begun: makes an array's file with its header and space for its elements, and the file of chunk marks. */
function beginArray(job: SetJob, corruption: string, shape: readonly number[]): void {
  const { whole, part, written } = arrayFiles(job.to, corruption);
  const chunks = chunksOfArray(job);
  const header = npyHeader(shape);
  const size = header.length + shape.reduce((product, n) => product * n, 1);
  const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;
  if (sizeOf(whole) === size) return;
  if (sizeOf(part) === size && sizeOf(written) === chunks) return;
  // The marks come last: an array that has them counts as begun.
  rmSync(written, { force: true });
  const descriptor = openSync(part, "w");
  writeSync(descriptor, header);
  ftruncateSync(descriptor, size);
  closeSync(descriptor);
  writeFileSync(written, Buffer.alloc(chunks));
}

/** Renames a complete array to its final name. */
function endArray(job: SetJob, corruption: string): void {
  const { whole, part, written } = arrayFiles(job.to, corruption);
  if (existsSync(part)) {
    assert(
      readFileSync(written).every((mark) => mark === 1),
      "every chunk of an array is written",
    );
    const descriptor = openSync(part, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(part, whole);
  }
  rmSync(written, { force: true });
}

function writeLabels({ to, severities }: SetJob, { labels, classes }: SourceImages): void {
  const all = severities.flatMap(() => [...labels]);
  const bytes = classes.length <= 256 ? Uint8Array.from(all) : new Uint8Array(Int32Array.from(all).buffer);
  writeFileAtomic(join(to, "labels.npy"), [npyHeader([all.length], classes.length <= 256 ? "|u1" : "<i4"), bytes]);
}
