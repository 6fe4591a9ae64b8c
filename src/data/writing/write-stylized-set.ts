/** Writes a set with other textures and the same shapes, in the layout of its source. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkSeed } from "../../random.js";
import { makeFolder, removeTemporaryFiles, writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { changeRecords, cifarRecords } from "../datasets/cifar.js";
import type { Split } from "../datasets/dataset.js";
import type { Part } from "../folders/image-folder.js";
import { recogniseFolder } from "../folders/recognise-folder.js";
import type { Finding } from "../inspection/findings.js";
import { beginSet, completeSet, STYLIZED_SET_MANIFEST } from "./set-manifest.js";
import { type ImageSource, openSourceImages, photosNote, type SourceOptions, squareNote } from "./source-images.js";
import { stylize } from "./stylize.js";
import { runUnits, type WorkOptions } from "./work-queue.js";

/** The job, the same for every worker that writes photos. */
export interface StylizeJob {
  readonly source: ImageSource;
  readonly samples: Uint32Array;
  /** (N) paths of the written files */
  readonly paths: readonly string[];
  readonly seed: number;
}

export interface WriteStylizedSetOptions
  extends Omit<SourceOptions, "limit">,
    Pick<WorkOptions, "workers" | "onProgress"> {
  /** The folder of the set. It must be new, empty, or hold an unfinished set with the same settings. */
  readonly to: string;
}

/** What was written. */
export interface WrittenStylizedSet {
  readonly to: string;
  readonly part: Part;
  readonly images: number;
  /** Findings about how a folder of photos was read. */
  readonly findings: readonly Finding[];
}

/**
 * Replaces the textures in every image of one part of a set; see {@link stylize}. CIFAR-10 and CIFAR-100 keep their binary
 * layout. Photos become PART/CLASS/FILE.png (CLASS/FILE.png for a folder without parts). A file gets its name only when it
 * is complete. An unfinished set is resumed, and other parts can be added to a finished one.
 *
 * @throws UsageError ERR_DATA_MISSING, ERR_DATA_LAYOUT, ERR_IMAGE_SIZE, ERR_SEED, ERR_WORKERS
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made with other settings
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
    // A set of some photos is not continued with others.
    ...(options.only && { photos: images.digest }),
  };
  const inParts = recognised.kind === "photos" && recognised.parts.size > 0;
  const files = images.files.map((file) => (inParts ? `${part}/${file}.png` : `${file}.png`));
  const begun = beginSet(to, STYLIZED_SET_MANIFEST, madeFrom, images.classes, photosNote(images, files));
  if (recognised.kind === "memory" && part !== "validation") {
    stylizeCifar(recognised.set.folder, part, options);
  } else {
    const paths = files.map((file) => join(to, file));
    for (const folder of new Set(paths.map((file) => dirname(file)))) prepareFolder(folder, begun);
    const job: StylizeJob = { source: images.source, samples: images.samples, paths, seed };
    const { workers, onProgress } = options;
    await runUnits("data/writing/stylize-worker", job, { units: paths.length, workers, onProgress });
  }
  completeSet(to, STYLIZED_SET_MANIFEST);
  return { to, part, images: images.length, findings: images.findings };
}

/** Makes a folder, or removes the unfinished files of a killed process from it. */
function prepareFolder(folder: string, begun: boolean): void {
  makeFolder(folder);
  try {
    if (begun) removeTemporaryFiles(folder);
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** Writes the record files of one part. Each gets its name when it is complete. */
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
