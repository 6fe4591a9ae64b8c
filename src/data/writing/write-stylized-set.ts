/** Writes a set with other textures and the same shapes, in the layout that it has. */

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkSeed } from "../../random.js";
import { removeTemporaryFiles, writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { changeRecords, cifarRecords } from "../datasets/cifar.js";
import type { Split } from "../datasets/dataset.js";
import type { Part } from "../folders/image-folder.js";
import { recogniseFolder } from "../folders/recognise-folder.js";
import type { Finding } from "../inspection/findings.js";
import { beginSet, completeSet } from "./set-manifest.js";
import { type ImageSource, openSourceImages, type SourceOptions, squareNote } from "./source-images.js";
import { stylize } from "./stylize.js";
import { runUnits, type WorkOptions } from "./work-queue.js";

/** The note in such a set. */
const MANIFEST = "stylized.json";

/** Given to every worker that writes photos. */
export interface StylizeJob {
  readonly source: ImageSource;
  readonly samples: Uint32Array;
  /** (N) the files that are written */
  readonly paths: readonly string[];
  readonly seed: number;
}

export interface WriteStylizedSetOptions
  extends Omit<SourceOptions, "limit">,
    Pick<WorkOptions, "workers" | "onProgress"> {
  /** The folder of the set: a new or an empty one, or one in which the same set was begun. */
  readonly to: string;
}

/** What was written. */
export interface WrittenStylizedSet {
  readonly to: string;
  readonly part: Part;
  readonly images: number;
  /** What is worth knowing of how a folder of photos was read. */
  readonly findings: readonly Finding[];
}

/**
 * Re-textures every image of one part of a set; see {@link stylize}. CIFAR-10 and CIFAR-100 keep their binary layout, photos
 * become PART/CLASS/FILE.png (CLASS/FILE.png of a folder without parts). Files appear when they are whole; a set that was begun
 * is gone on with, and other parts may be added to one.
 *
 * @throws UsageError ERR_DATA_MISSING, ERR_DATA_LAYOUT, ERR_IMAGE_SIZE, ERR_SEED, ERR_WORKERS
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made otherwise
 * @throws RunError ERR_WRITE where a file cannot be written, ERR_IMAGE where a photo cannot be decoded
 */
export async function writeStylizedSet(path: string, options: WriteStylizedSetOptions): Promise<WrittenStylizedSet> {
  const { to, part, imageSize, seed } = options;
  checkSeed(seed, "writeStylizedSet");
  const images = await openSourceImages(path, options);
  const recognised = recogniseFolder(path, "writeStylizedSet");
  const madeFrom = {
    data: images.name,
    classes: images.classes.join(","),
    "image size": imageSize ?? null,
    ...squareNote(images.source),
    seed,
  };
  const begun = beginSet(to, MANIFEST, madeFrom, images.classes);
  if (recognised.kind === "memory" && part !== "validation") {
    stylizeCifar(recognised.set.folder, part, options);
  } else {
    const inside = recognised.kind === "photos" && recognised.parts.size > 0 ? join(to, part) : to;
    const paths = images.files.map((file) => join(inside, `${file}.png`));
    for (const folder of new Set(paths.map((file) => dirname(file)))) prepareFolder(folder, begun);
    const job: StylizeJob = { source: images.source, samples: images.samples, paths, seed };
    const { workers, onProgress } = options;
    await runUnits("data/writing/stylize-worker", job, { units: paths.length, workers, onProgress });
  }
  completeSet(to, MANIFEST);
  return { to, part, images: images.length, findings: images.findings };
}

/** Makes a folder, and removes from one what a killed process left behind. */
function prepareFolder(folder: string, begun: boolean): void {
  try {
    mkdirSync(folder, { recursive: true });
    if (begun) removeTemporaryFiles(folder);
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** The files of records of one part, each written when it is whole. */
function stylizeCifar(folder: string, split: Split, { to, seed, onProgress }: WriteStylizedSetOptions): void {
  const { files, recordsPerFile, labelBytes, size, classesFile } = cifarRecords(readdirSync(folder), split)!;
  prepareFolder(to, true);
  if (existsSync(join(folder, classesFile))) {
    writeFileAtomic(join(to, classesFile), readFileSync(join(folder, classesFile)));
  }
  files.forEach((name, file) => {
    if (existsSync(join(to, name))) return;
    const written = changeRecords(readFileSync(join(folder, name)), labelBytes, (pixels, record) => {
      const sample = file * recordsPerFile + record;
      onProgress?.(sample, files.length * recordsPerFile);
      return stylize(pixels, size, size, { seed, sample });
    });
    writeFileAtomic(join(to, name), written);
  });
}
