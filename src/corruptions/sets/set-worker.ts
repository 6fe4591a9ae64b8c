/** Worker thread: corrupts images and writes them into a set. */

import { closeSync, fdatasyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import sharp from "sharp";
import { npyHeader } from "../../data/datasets/npy.js";
import { readSourceImage } from "../../data/writing/source-images.js";
import { serveUnits } from "../../data/writing/work-queue.js";
import { configureDecoder } from "../../images/decode.js";
import type { RawImage } from "../../images/resize.js";
import { loadParts } from "../../parts.js";
import { writeError, writeFileAtomic } from "../../runs/atomic-file.js";
import { faultPoint } from "../../runs/fault-point.js";
import { corrupt } from "../index.js";
import { readFrostTextures } from "./frost-photographs.js";
import { arrayFiles, chunkOf, photoFile, type SetJob } from "./set-job.js";

/** The settings with which the published set was saved. */
const JPEG = { quality: 85, chromaSubsampling: "4:2:0" } as const;

const job = workerData as SetJob;
const { to, layout, source, length, samples, files, corruptions, severities, table, seed } = job;
let frostTextures: readonly RawImage[] | undefined;
configureDecoder();
for (const file of job.parts) await loadParts(file);
await serveUnits(async (unit) => {
  if (job.frostTextures !== undefined) frostTextures ??= await readFrostTextures(job.frostTextures);
  await (layout === "imagenet-c" ? writePhotos(unit) : writeChunk(unit));
  faultPoint("corrupt:unit");
});

function corrupted({ pixels, height, width }: RawImage, index: number, name: string, severity: number) {
  return corrupt(pixels, height, width, name, severity, { seed, sample: samples[index], table, frostTextures });
}

/** Writes the corruptions of one image that are not written yet. */
async function writePhotos(index: number): Promise<void> {
  const missing = corruptions.flatMap((name) =>
    severities.flatMap((severity) => {
      const path = photoFile(to, name, severity, files[index]);
      // A power failure can leave an empty file.
      return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0 ? [] : [{ name, severity, path }];
    }),
  );
  if (missing.length === 0) return;
  const image = await readSourceImage(source, index);
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  for (const { name, severity, path } of missing) {
    const bytes = await sharp(corrupted(image, index, name, severity), { raw })
      .jpeg(JPEG)
      .toBuffer();
    writeFileAtomic(path, bytes, { flush: false });
  }
}

/** Writes one chunk of an array and then marks it as written. */
async function writeChunk(unit: number): Promise<void> {
  const { corruption, severity, from, to: end, index } = chunkOf(job, unit);
  const { part, written } = arrayFiles(to, corruption);
  if (statSync(part, { throwIfNoEntry: false }) === undefined) return; // the array is whole
  const mark = Buffer.alloc(1);
  const marks = openSync(written, "r+");
  try {
    readSync(marks, mark, 0, 1, index);
    if (mark[0] === 1) return;
    const images: Uint8Array[] = [];
    let shape = [0, 0];
    for (let i = from; i < end; i++) {
      const image = await readSourceImage(source, i);
      shape = [image.height, image.width];
      images.push(corrupted(image, i, corruption, severity));
    }
    const header = npyHeader([severities.length * length, ...shape, 3]).length;
    const imageBytes = shape[0] * shape[1] * 3;
    const place = severities.indexOf(severity) * length + from;
    writeAt(part, Buffer.concat(images), header + place * imageBytes);
    writeSync(marks, Buffer.of(1), 0, 1, index);
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).syscall === undefined ? cause : writeError(part, cause);
  } finally {
    closeSync(marks);
  }
}

/** Writes into a file and waits until the bytes are on the disk. */
function writeAt(path: string, bytes: Uint8Array, position: number): void {
  const descriptor = openSync(path, "r+");
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
    }
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
