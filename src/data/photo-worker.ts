/**
 * A worker thread that reads photos into a shared ring of batches. It owns the loop: what it reads follows from the pass
 * alone, so that it never waits for the main thread but when the ring is full.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { assert, RunError } from "../errors.js";
import { flipHorizontal } from "../images/augmentation.js";
import { centreCrop, type Region, randomResizedCrop, scaleRegion, whole } from "../images/crop.js";
import { configureDecoder, decodeImage, decodeSize, readHeader } from "../images/decode.js";
import { type RawImage, resizeRegion } from "../images/resize.js";
import { KeyedRandom, Purpose } from "../random.js";
import {
  type BadPhoto,
  CANCELLED,
  type PhotoPass,
  type PhotoReport,
  type PhotoWorkerSetup,
  type TrainingTransform,
} from "./photo-job.js";

/**
 * How many times the pixels that are wanted a large photo keeps when it is decoded smaller: no fewer in training, where it
 * is cut at random anyway, and enough in evaluation that only the exact filter shapes the result.
 */
const TRAINING_OVERSAMPLING = 1;
const EVALUATION_OVERSAMPLING = 2;

const setup = workerData as PhotoWorkerSetup;
const { transform, batchSize, slots } = setup;
const imageBytes = transform.size ** 2 * 3;
const sizes = new Map<number, { width: number; height: number }>();
const cache = new Map<number, RawImage>();
let cachedBytes = 0;

assert(parentPort, "photo-worker runs as a worker thread");
const port = parentPort;
configureDecoder();
port.on("message", (pass: PhotoPass) => void run(pass));

async function run({ epoch, indices, repeats, taken }: PhotoPass): Promise<void> {
  const batches = Math.ceil(indices.length / batchSize);
  for (let batch = 0; batch < batches && waitForRoom(batch, taken); batch++) {
    const bad: BadPhoto[] = [];
    const started = performance.now();
    let images = 0;
    const first = batch * batchSize;
    for (let place = 0; place < Math.min(batchSize, indices.length - first); place++) {
      const index = indices[first + place];
      if (index % setup.workers !== setup.worker) continue;
      const target = new Uint8Array(setup.ring, ((batch % slots) * batchSize + place) * imageBytes, imageBytes);
      try {
        await readPhoto(index, epoch, repeats[first + place], target);
        images++;
      } catch (error) {
        if (!(error instanceof RunError)) throw error;
        bad.push({ place, index, message: error.message });
      }
      if (isCancelled(taken)) break;
    }
    report({ type: "batch", batch, bad, images, seconds: (performance.now() - started) / 1000 });
  }
  report({ type: "end" });
}

function report(message: PhotoReport): void {
  port.postMessage(message);
}

function isCancelled(taken: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(taken), 0) === CANCELLED;
}

/** Sleeps until the ring has room for a batch. @returns false where the pass was cancelled */
function waitForRoom(batch: number, taken: SharedArrayBuffer): boolean {
  const counter = new Int32Array(taken);
  for (;;) {
    const value = Atomics.load(counter, 0);
    if (value === CANCELLED) return false;
    if (batch < value + slots) return true;
    Atomics.wait(counter, 0, value);
  }
}

/** Writes a photo of the pass to its place. @throws RunError ERR_IMAGE where it cannot be decoded */
async function readPhoto(index: number, epoch: number, repeat: number, target: Uint8Array): Promise<void> {
  if (transform.kind === "evaluate") {
    const { size, interpolation, cropFraction } = transform;
    const bytes = readBytes(index);
    const header = await sizeOf(index, bytes);
    const { width, height, window } = centreCrop(header.width, header.height, size, cropFraction);
    const wanted = Math.min(width, height);
    const decoded = decodeSize(header, Math.min(header.width, header.height), wanted, EVALUATION_OVERSAMPLING);
    const photo = await decodeImage(bytes, fileOf(index), decoded);
    resizeRegion(photo, whole(photo), { width, height }, interpolation, target, window);
    return;
  }
  const { size, seed, interpolation } = transform;
  const random = new KeyedRandom(seed, Purpose.crop, epoch, setup.samples[index], repeat);
  const { photo, region } = await cutRandomly(index, transform, random);
  resizeRegion(photo, region, { width: size, height: size }, interpolation, target);
  if (transform.flip && new KeyedRandom(seed, Purpose.flip, epoch, setup.samples[index], repeat).uniform(0) < 0.5) {
    flipHorizontal(target, size, size);
  }
}

/** A photo, decoded as large as the random crop needs it or as it is kept in memory, and the crop in it. */
async function cutRandomly(
  index: number,
  { size, crop, workingSize }: TrainingTransform,
  random: KeyedRandom,
): Promise<{ photo: RawImage; region: Region }> {
  if (workingSize !== undefined) {
    const photo = cache.get(index) ?? (await decodeWorkingCopy(index, workingSize));
    return { photo, region: randomResizedCrop(photo.width, photo.height, random, crop) };
  }
  const bytes = readBytes(index);
  const header = await sizeOf(index, bytes);
  const region = randomResizedCrop(header.width, header.height, random, crop);
  const decoded = decodeSize(header, Math.min(region.width, region.height), size, TRAINING_OVERSAMPLING);
  const photo = await decodeImage(bytes, fileOf(index), decoded);
  return { photo, region: decoded === undefined ? region : scaleRegion(region, header, decoded) };
}

/** A photo with the short side `workingSize`, or as it is where it is smaller; kept while there is room. */
async function decodeWorkingCopy(index: number, workingSize: number): Promise<RawImage> {
  const bytes = readBytes(index);
  const { width, height } = await sizeOf(index, bytes);
  const factor = workingSize / Math.min(width, height);
  const size = { width: Math.round(width * factor), height: Math.round(height * factor) };
  const photo = await decodeImage(bytes, fileOf(index), factor < 1 ? size : undefined);
  if (cachedBytes + photo.pixels.length <= setup.cacheBytes) {
    cachedBytes += photo.pixels.length;
    cache.set(index, photo);
  }
  return photo;
}

/** The size of an upright photo; the header is read once. */
async function sizeOf(index: number, bytes: Uint8Array): Promise<{ width: number; height: number }> {
  const known = sizes.get(index);
  if (known !== undefined) return known;
  const { width, height } = await readHeader(bytes, fileOf(index));
  sizes.set(index, { width, height });
  return { width, height };
}

function fileOf(index: number): string {
  return join(setup.root, setup.files[index]);
}

function readBytes(index: number): Uint8Array {
  const file = fileOf(index);
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new RunError("ERR_IMAGE", `cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
}
