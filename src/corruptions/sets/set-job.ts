/** What the main thread and the worker threads that write a corrupted set share. */

import { join } from "node:path";
import type { CorruptedLayout } from "../../data/corrupted-set.js";
import type { ImageSource } from "../../data/writing/source-images.js";
import type { TableName } from "../severity-tables.js";

/** Images in one unit of work of the layout of CIFAR-C. They all have one severity. */
const CHUNK = 500;

/** The job, the same for every worker. */
export interface SetJob {
  readonly to: string;
  readonly layout: CorruptedLayout;
  readonly source: ImageSource;
  readonly length: number;
  /** (N) keys of the images' random draws */
  readonly samples: Uint32Array;
  /** (N) CLASS/FILE, the path of the image in the written set */
  readonly files: readonly string[];
  readonly corruptions: readonly string[];
  readonly severities: readonly number[];
  readonly table: TableName | undefined;
  readonly seed: number;
  /** Folder of the photographs of frost. */
  readonly frostTextures: string | undefined;
  /** Files that register those of the corruptions that are not published; each worker loads them. */
  readonly parts: readonly string[];
}

/** Number of units of work. A unit is an image with all its corruptions, or a chunk of one severity of one corruption. */
export function unitsOf({ layout, length, corruptions, severities }: SetJob): number {
  if (layout === "imagenet-c") return length;
  return corruptions.length * severities.length * chunksOf(length);
}

const chunksOf = (length: number): number => Math.ceil(length / CHUNK);

/** A part of an array of the layout of CIFAR-C. */
export interface Chunk {
  readonly corruption: string;
  readonly severity: number;
  /** The images from .. to - 1 of the source. */
  readonly from: number;
  readonly to: number;
  /** Index of the chunk in its array. */
  readonly index: number;
}

/** The chunk of a unit of work. The chunks of one corruption are consecutive. */
export function chunkOf({ length, corruptions, severities }: SetJob, unit: number): Chunk {
  const chunks = chunksOf(length);
  const index = unit % (severities.length * chunks);
  const from = (index % chunks) * CHUNK;
  return {
    corruption: corruptions[Math.floor(unit / (severities.length * chunks))],
    severity: severities[Math.floor(index / chunks)],
    from,
    to: Math.min(length, from + CHUNK),
    index,
  };
}

/** Number of chunks in the array of one corruption. */
export const chunksOfArray = ({ length, severities }: SetJob): number => severities.length * chunksOf(length);

/**
 * The files of a corruption's array. `whole` is the finished array. Until it is finished, `part` holds its beginning and
 * `written` holds one byte per chunk, 1 where the chunk is written.
 */
export function arrayFiles(to: string, corruption: string): { whole: string; part: string; written: string } {
  return {
    whole: join(to, `${corruption}.npy`),
    part: join(to, `.${corruption}.npy.part`),
    written: join(to, `.${corruption}.npy.written`),
  };
}

/** The file of one corrupted image in the layout of ImageNet-C. */
export const photoFile = (to: string, corruption: string, severity: number, file: string): string =>
  join(to, corruption, String(severity), file);
