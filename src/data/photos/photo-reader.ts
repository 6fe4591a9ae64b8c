/** Reads batches of photos in order by worker threads: the main thread's part of `photo-worker.ts`. */

import type { Worker } from "node:worker_threads";
import { assert, RunError } from "../../errors.js";
import type { PixelBatch } from "../loading/batch.js";
import { visitsOf } from "../loading/loader.js";
import { startWorker } from "../loading/worker-threads.js";
import { type BadPhoto, type LeftOutPhotos, listBadPhotos } from "./bad-photos.js";
import { copySide, keptShare } from "./photo-cache.js";
import { CANCELLED, type PhotoPass, type PhotoReport, type PhotoTransform, type ReadFailure } from "./photo-job.js";
import type { PhotoSet } from "./photo-set.js";

export interface PhotoReaderOptions {
  /** Collects the photos that are left out, and decides whether they may be. */
  readonly leftOut: LeftOutPhotos;
  readonly transform: PhotoTransform;
  readonly batchSize: number;
  readonly workers: number;
  /** Number of batches that are read ahead. */
  readonly prefetch: number;
  /** Bytes of decoded photos that may be kept, over all workers; 0 keeps none. */
  readonly cacheBytes: number;
}

/** How fast photos were read since the reader was made. */
export interface ReadingStatistics {
  readonly images: number;
  /** Images per second of all workers together while they read, without waiting for the consumer. */
  readonly imagesPerSecond: number;
  /** Share of the time of passes that the consumer waited for batches, in [0, 1]. */
  readonly waitingShare: number;
  /** Share of the photos that are cropped from copies in memory, in [0, 1]. */
  readonly keptShare: number;
  /** Different photos of the set that were left out. */
  readonly skipped: readonly BadPhoto[];
}

/** The state of a batch from the reports of the workers. */
interface Progress {
  pendingWorkers: number;
  readonly bad: ReadFailure[];
}

/** Reads batches of photos. Workers start with the first pass and run until {@link close}. Only one pass can run at a time. */
export class PhotoReader {
  readonly #set: PhotoSet;
  readonly #options: PhotoReaderOptions;
  readonly #ring: SharedArrayBuffer;
  readonly #slots: number;
  #workers: Worker[] = [];
  #running = false;
  /** Why no pass can run: a worker failed by a bug, or the reader was closed. */
  #failure: unknown;
  #progress = new Map<number, Progress>();
  #ended = 0;
  /** Called after every report of a worker. */
  #wake = () => {};

  #keptShare = 0;
  #images = 0;
  #readSeconds = 0;
  #waitingSeconds = 0;
  #passSeconds = 0;

  constructor(set: PhotoSet, options: PhotoReaderOptions) {
    const { batchSize, prefetch, transform } = options;
    this.#set = set;
    this.#options = options;
    this.#slots = prefetch;
    this.#ring = new SharedArrayBuffer(prefetch * batchSize * transform.size ** 2 * 3);
  }

  /**
   * The photos at `indices` in batches. The last batch can be smaller, and so can batches from which photos are left out. The
   * workers stop when the caller leaves the loop early.
   *
   * @throws RunError ERR_IMAGE where a photo cannot be decoded, ERR_BAD_IMAGES where all or too many were skipped
   */
  async *pass(epoch: number, indices: Uint32Array, repeats: Uint32Array): AsyncGenerator<PixelBatch> {
    assert(!this.#running, "a photo reader runs one pass at a time");
    this.#running = true;
    this.#progress = new Map();
    this.#ended = 0;
    const taken = new Int32Array(new SharedArrayBuffer(4));
    const started = performance.now();
    try {
      await this.#start();
      const pass: PhotoPass = { epoch, indices, repeats, taken: taken.buffer as SharedArrayBuffer };
      for (const worker of this.#workers) worker.postMessage(pass);
      const batches = Math.ceil(indices.length / this.#options.batchSize);
      let given = 0;
      for (let batch = 0; batch < batches; batch++) {
        const waitingFrom = performance.now();
        await this.#until(() => this.#progress.get(batch)?.pendingWorkers === 0);
        this.#waitingSeconds += (performance.now() - waitingFrom) / 1000;
        const pixels = this.#take(batch, indices, repeats);
        Atomics.add(taken, 0, 1);
        Atomics.notify(taken, 0);
        if (pixels.labels.length === 0) {
          // An epoch has a fixed number of steps, so that none of its batches may be empty.
          if (this.#options.transform.kind === "train") throw this.#nothingRead("of a whole batch");
          continue;
        }
        given++;
        yield pixels;
      }
      if (given === 0 && batches > 0) throw this.#nothingRead("at all");
    } finally {
      this.#passSeconds += (performance.now() - started) / 1000;
      Atomics.store(taken, 0, CANCELLED);
      Atomics.notify(taken, 0);
      // The workers must have stopped writing to the ring before the next pass.
      if (this.#failure === undefined) await this.#until(() => this.#ended === this.#workers.length);
      this.#running = false;
    }
  }

  statistics(): ReadingStatistics {
    const { workers } = this.#options;
    return {
      images: this.#images,
      imagesPerSecond: this.#readSeconds === 0 ? 0 : (this.#images * workers) / this.#readSeconds,
      waitingShare: this.#passSeconds === 0 ? 0 : this.#waitingSeconds / this.#passSeconds,
      keptShare: this.#keptShare,
      skipped: this.#options.leftOut.photos,
    };
  }

  /** Ends the worker threads for good. A pass that is running fails with ERR_READER_CLOSED. */
  async close(): Promise<void> {
    this.#failure ??= new RunError("ERR_READER_CLOSED", `the reader of ${this.#set.name} was closed.`);
    this.#wake();
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #nothingRead(where: string): RunError {
    const { leftOut } = this.#options;
    const list = listBadPhotos(leftOut.photos).join("\n");
    return new RunError("ERR_BAD_IMAGES", `no photo ${where} of ${this.#set.name} can be read. Left out:\n${list}`);
  }

  async #start(): Promise<void> {
    if (this.#failure === undefined && this.#workers.length > 0) return;
    const { transform, workers, batchSize, cacheBytes } = this.#options;
    const { root, files, samples } = this.#set;
    if (transform.kind === "train" && cacheBytes > 0) {
      this.#keptShare = await keptShare(this.#set, cacheBytes, copySide(transform.size, transform.crop));
    }
    // The reader can have been closed while it waited.
    if (this.#failure !== undefined) throw this.#failure;
    this.#workers = Array.from({ length: workers }, (_, worker) => {
      const setup = { root, files, samples, transform, worker, workers, batchSize, ring: this.#ring };
      const thread = startWorker("data/photos/photo-worker", {
        ...setup,
        slots: this.#slots,
        keptShare: this.#keptShare,
        cacheBytes: Math.floor(cacheBytes / workers),
      });
      thread.on("message", (report: PhotoReport) => this.#receive(report));
      thread.on("error", (error) => {
        this.#failure = error;
        this.#wake();
      });
      return thread;
    });
  }

  #receive(report: PhotoReport): void {
    if (report.type === "end") {
      this.#ended++;
    } else if (report.type === "failure") {
      this.#failure ??= new RunError(report.code, report.message);
    } else {
      const progress = this.#progress.get(report.batch) ?? { pendingWorkers: this.#workers.length, bad: [] };
      progress.pendingWorkers--;
      progress.bad.push(...report.bad);
      this.#progress.set(report.batch, progress);
      this.#images += report.images;
      this.#readSeconds += report.seconds;
    }
    this.#wake();
  }

  /** Waits for reports until a condition holds. The workers keep the process alive only during this time. */
  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure;
      for (const worker of this.#workers) worker.ref();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      for (const worker of this.#workers) worker.unref();
    }
  }

  /** Copies a finished batch out of the ring, without photos that could not be read. */
  #take(batch: number, indices: Uint32Array, repeats: Uint32Array): PixelBatch {
    const { batchSize, transform } = this.#options;
    const { labels, samples } = this.#set;
    const imageBytes = transform.size ** 2 * 3;
    const first = batch * batchSize;
    const length = Math.min(batchSize, indices.length - first);
    const slot = new Uint8Array(this.#ring, (batch % this.#slots) * batchSize * imageBytes, length * imageBytes);

    const bad = this.#progress.get(batch)!.bad.sort((a, b) => a.position - b.position);
    this.#progress.delete(batch);
    this.#options.leftOut.add(bad.map(({ index, reason }) => ({ file: this.#set.files[index], reason })));
    const left = new Set(bad.map(({ position }) => position));
    const positions = Array.from({ length }, (_, position) => position).filter((position) => !left.has(position));
    const pixels = new Uint8Array(positions.length * imageBytes);
    if (left.size === 0) {
      pixels.set(slot);
    } else {
      positions.forEach((position, i) => {
        pixels.set(slot.subarray(position * imageBytes, (position + 1) * imageBytes), i * imageBytes);
      });
    }
    const chosen = positions.map((position) => indices[first + position]);
    return {
      pixels,
      labels: Int32Array.from(chosen, (index) => labels[index]),
      samples: Uint32Array.from(chosen, (index) => samples[index]),
      ...visitsOf(Uint32Array.from(positions, (position) => repeats[first + position])),
      height: transform.size,
      width: transform.size,
    };
  }
}
