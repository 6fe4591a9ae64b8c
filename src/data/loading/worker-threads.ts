/** Starting the worker threads that read photos. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
// libvips must be loaded by the main thread before any worker, so that it stays loaded when a worker ends.
import "sharp";
import { UsageError } from "../../errors.js";

/** Threads of Node's pool, in which sharp decodes whichever worker asked. Node reads the variable when it starts. */
function poolThreads(): number {
  const set = Number(process.env.UV_THREADPOOL_SIZE);
  return Number.isInteger(set) && set >= 1 ? Math.min(set, 1024) : 4;
}

/** As many workers as can work at once: a processor and a thread of the pool for each. */
export function defaultWorkers(): number {
  return Math.min(availableParallelism(), poolThreads());
}

/** @throws UsageError ERR_WORKERS where the number is not a positive integer that the pool can serve */
export function checkWorkers(workers: number, what: string): void {
  if (!Number.isInteger(workers) || workers < 1) {
    throw new UsageError("ERR_WORKERS", `${what}: workers must be a positive integer; got ${workers}.`);
  }
  if (workers > poolThreads()) {
    throw new UsageError(
      "ERR_WORKERS",
      `${what}: workers must be at most ${poolThreads()}, the threads in which Node decodes images; got ${workers}. ` +
        `For more, set UV_THREADPOOL_SIZE=${workers} in the environment before the program starts.`,
    );
  }
}

/**
 * Starts a worker thread that does not keep the process alive by itself.
 *
 * @param file of the worker, relative to src/, without its extension
 */
export function startWorker(file: string, workerData: unknown): Worker {
  const installed = new URL(`../../${file}.js`, import.meta.url);
  // Where this file is run from its source (by the tests), the compiled worker lies in dist/.
  const compiled = existsSync(installed) ? installed : new URL(`../../../dist/${file}.js`, import.meta.url);
  // Flags of the process (an --input-type, say) need not suit a worker.
  const worker = new Worker(compiled, { workerData, execArgv: [] });
  worker.unref();
  return worker;
}
