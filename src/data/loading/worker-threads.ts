/** Starts the worker threads that read photos. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
// libvips must be loaded by the main thread before any worker, so that it stays loaded when a worker ends.
import "sharp";
import { UsageError } from "../../errors.js";

/** Threads of Node's pool, which decode for all workers. Node reads the variable when it starts. */
function poolThreads(): number {
  const set = Number(process.env.UV_THREADPOOL_SIZE);
  return Number.isInteger(set) && set >= 1 ? Math.min(set, 1024) : 4;
}

/** The number of workers that can run at the same time. Each needs a processor and a thread of the pool. */
export function defaultWorkers(): number {
  return Math.min(availableParallelism(), poolThreads());
}

/** @throws UsageError ERR_WORKERS where the number is not a positive integer or is more than the threads of Node's pool */
export function checkWorkers(workers: number, what: string): void {
  if (!Number.isInteger(workers) || workers < 1) {
    throw new UsageError("ERR_WORKERS", `${what}: \`workers\` must be a positive integer; got ${workers}.`);
  }
  if (workers > poolThreads()) {
    throw new UsageError(
      "ERR_WORKERS",
      `${what}: \`workers\` must be at most ${poolThreads()}, the threads in which Node decodes images; got ${workers}. ` +
        `For more, set UV_THREADPOOL_SIZE=${workers} in the environment before the program starts.`,
    );
  }
}

/**
 * Starts a worker thread that does not keep the process alive.
 *
 * @param file of the worker, relative to src/, without its extension
 */
export function startWorker(file: string, workerData: unknown): Worker {
  const installed = new URL(`../../${file}.js`, import.meta.url);
  // The tests run this file from its source. The compiled worker is then in dist/.
  const compiled = existsSync(installed) ? installed : new URL(`../../../dist/${file}.js`, import.meta.url);
  // A worker must not inherit flags of the process, such as --input-type.
  const worker = new Worker(compiled, { workerData, execArgv: [] });
  worker.unref();
  return worker;
}
