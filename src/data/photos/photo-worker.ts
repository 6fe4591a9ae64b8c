/**
 * A worker thread that reads photos into a shared ring of batches. Which photos it reads depends on the pass alone, so that it
 * waits for the main thread only when the ring is full.
 */

import { parentPort, workerData } from "node:worker_threads";
import { AdvPropError, assert } from "../../errors.js";
import { augmentStrongly } from "../../images/augmentation/strong-augmentation.js";
import { cutCentre } from "../../images/centre-cut.js";
import { randomResizedCrop, type Size, scaleRegion, whole } from "../../images/crop.js";
import { type Cut, cutImage, cutPhoto, imageSize, OVERSAMPLING } from "../../images/cut.js";
import { configureDecoder, ImageError } from "../../images/decode.js";
import type { RawImage } from "../../images/resize.js";
import { KeyedRandom, Purpose } from "../../random.js";
import { isRemote } from "../shards/shard-names.js";
import { copySide, copySize, isKept } from "./photo-cache.js";
import {
  CANCELLED,
  type PhotoPass,
  type PhotoReport,
  type PhotoWorkerSetup,
  type ReadFailure,
  type TrainingTransform,
} from "./photo-job.js";
import { photoPath, readPhoto } from "./read-photo.js";

const setup = workerData as PhotoWorkerSetup;
const { transform, batchSize, slots } = setup;
const imageBytes = transform.size ** 2 * 3;
/** Sizes of upright photos, with the lengths of their files, since a file can be replaced during a run. */
const sizes = new Map<number, Size & { readonly bytes: number }>();
/** Limits `sizes` to some megabytes. For larger sets the headers of other photos are read every time. */
const MOST_SIZES = 50_000;
const cache = new Map<number, RawImage>();
let cachedBytes = 0;
/** Number of photos that are requested before they are needed. Only a server takes long enough to answer. */
const REQUESTED_AHEAD = isRemote(setup.root) ? 16 : 0;
/** Pending requests by their position in the pass. */
const requests = new Map<number, Promise<Uint8Array>>();

assert(parentPort, "photo-worker runs as a worker thread");
const port = parentPort;
configureDecoder();
port.on("message", (pass: PhotoPass) => void run(pass).catch(fail));

function fail(error: unknown): void {
  // An error that is sent to another thread loses its class. The main thread restores it from code and message.
  if (!(error instanceof AdvPropError)) throw error;
  report({ type: "failure", code: error.code, message: error.message });
}

async function run({ epoch, indices, repeats, taken }: PhotoPass): Promise<void> {
  requests.clear();
  let next = 0;
  const requestAhead = () => {
    for (; next < indices.length && requests.size < REQUESTED_AHEAD; next++) {
      const index = indices[next];
      if (index % setup.workers !== setup.worker || cache.has(index)) continue;
      const bytes = readPhoto(fileOf(index));
      // The failure is handled where the bytes are awaited.
      bytes.catch(() => {});
      requests.set(next, bytes);
    }
  };
  const batches = Math.ceil(indices.length / batchSize);
  for (let batch = 0; batch < batches; batch++) {
    // The thread handles no network traffic while it sleeps, so that open connections would break.
    if (isFull(batch, taken)) await Promise.allSettled(requests.values());
    if (!waitForRoom(batch, taken)) break;
    const bad: ReadFailure[] = [];
    const started = performance.now();
    let images = 0;
    const first = batch * batchSize;
    for (let position = 0; position < Math.min(batchSize, indices.length - first); position++) {
      const index = indices[first + position];
      if (index % setup.workers !== setup.worker) continue;
      const target = new Uint8Array(setup.ring, ((batch % slots) * batchSize + position) * imageBytes, imageBytes);
      requestAhead();
      const bytes = requests.get(first + position);
      requests.delete(first + position);
      try {
        await cutOut({ index, position, epoch, repeat: repeats[first + position], requested: bytes }, target);
        images++;
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        bad.push({ position, index, reason: error.reason });
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

function isFull(batch: number, taken: SharedArrayBuffer): boolean {
  return batch >= Atomics.load(new Int32Array(taken), 0) + slots;
}

/** Waits until the ring has a free slot for a batch. @returns false where the pass was cancelled */
function waitForRoom(batch: number, taken: SharedArrayBuffer): boolean {
  const counter = new Int32Array(taken);
  for (;;) {
    const value = Atomics.load(counter, 0);
    if (value === CANCELLED) return false;
    if (batch < value + slots) return true;
    Atomics.wait(counter, 0, value);
  }
}

/** A photo of a pass. */
interface Visit {
  readonly index: number;
  /** In its batch. */
  readonly position: number;
  readonly epoch: number;
  readonly repeat: number;
  /** Its bytes, where they were requested earlier. */
  readonly requested: Promise<Uint8Array> | undefined;
}

const bytesOf = ({ index, requested }: Pick<Visit, "index" | "requested">): Promise<Uint8Array> =>
  requested ?? readPhoto(fileOf(index));

/** Writes a photo of the pass to its target. @throws ImageError where it cannot be read or decoded */
async function cutOut(visit: Visit, target: Uint8Array): Promise<void> {
  const { index, position, epoch, repeat } = visit;
  const view =
    transform.kind === "train" ? transform.views[Math.floor((position * transform.views.length) / batchSize)] : "plain";
  if (transform.kind === "evaluate" || view === "plain") {
    const bytes = await bytesOf(visit);
    await cutCentre(bytes, fileOf(index), await sizeOf(index, bytes), transform, target);
    return;
  }
  const draws = (purpose: number) => new KeyedRandom(transform.seed, purpose, epoch, setup.samples[index], repeat);
  await cutRandomly(visit, transform, draws, target);
  const { size } = transform;
  if (view === "strong") augmentStrongly({ pixels: target, height: size, width: size }, transform.strong, draws);
}

/** Crops a photo at random. A copy in memory is cropped to the same region as the file. */
async function cutRandomly(
  visit: Visit,
  training: TrainingTransform,
  draws: (purpose: number) => KeyedRandom,
  target: Uint8Array,
): Promise<void> {
  const { index } = visit;
  const { size, interpolation, crop, flip } = training;
  const cutOf = (photo: Size): Cut => ({
    region: randomResizedCrop(photo.width, photo.height, draws(Purpose.crop), crop),
    size: { width: size, height: size },
    interpolation,
    mirrored: flip && draws(Purpose.flip).uniform(0) < 0.5,
  });
  if (isKept(index, setup.keptShare)) {
    const copy = cache.get(index) ?? (await decodeCopy(visit, training));
    const photo = sizes.get(index)!;
    const cut = cutOf(photo);
    cutImage(copy, { ...cut, region: scaleRegion(cut.region, photo, copy) }, target);
    return;
  }
  const bytes = await bytesOf(visit);
  const photo = await sizeOf(index, bytes);
  await cutPhoto(bytes, fileOf(index), photo, cutOf(photo), OVERSAMPLING, target);
}

/** Decodes the copy of a photo to crop from, and keeps it if there is room: a few copies more than estimated may not fit. */
async function decodeCopy(visit: Visit, { size, crop, interpolation }: TrainingTransform): Promise<RawImage> {
  const { index } = visit;
  const bytes = await bytesOf(visit);
  const photo = await sizeOf(index, bytes);
  const copied = copySize(photo, copySide(size, crop));
  const copy = { ...copied, pixels: new Uint8Array(3 * copied.width * copied.height) };
  const cut = { region: whole(photo), size: copied, interpolation };
  await cutPhoto(bytes, fileOf(index), photo, cut, OVERSAMPLING, copy.pixels);
  if (cachedBytes + copy.pixels.length <= setup.cacheBytes) {
    cachedBytes += copy.pixels.length;
    cache.set(index, copy);
  }
  return copy;
}

/** The size of an upright photo. Its header is read only once, unless the length of the file changes. */
async function sizeOf(index: number, bytes: Uint8Array): Promise<Size> {
  const known = sizes.get(index);
  if (known?.bytes === bytes.length) return known;
  const { width, height } = await imageSize(bytes, fileOf(index));
  const size = { width, height, bytes: bytes.length };
  // The sizes of photos that are cropped from copies are always needed. The others save little.
  if (sizes.size < MOST_SIZES || isKept(index, setup.keptShare)) sizes.set(index, size);
  return size;
}

function fileOf(index: number): string {
  return photoPath(setup.root, setup.files[index]);
}
