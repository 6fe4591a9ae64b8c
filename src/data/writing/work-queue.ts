/** Numbered units of work for worker threads. Each thread takes the next unit until none is left. */

import { parentPort, type Worker, workerData } from "node:worker_threads";
import { AdvPropError, RunError } from "../../errors.js";
import { checkWorkers, defaultWorkers, startWorker } from "../loading/worker-threads.js";

/** Sent to every worker besides its own setup. */
interface Queue {
  readonly units: number;
  /** int32 [1]: the next unit. */
  readonly next: SharedArrayBuffer;
}

/** From a worker: the number of units done since its last report, that it is finished, or why it failed. */
type Report = { readonly done: number } | "end" | { readonly code: string; readonly message: string };

export interface WorkOptions {
  readonly units: number;
  /** Worker threads; by default one for each available processor. */
  readonly workers?: number;
  readonly onProgress?: (done: number, units: number) => void;
}

/**
 * Runs the units 0 .. units - 1 in worker threads. Where one fails, the other threads finish their current unit.
 *
 * @param worker the worker's file, relative to src/, without its extension; it calls {@link serveUnits}
 * @param setup passed to the worker in `workerData`
 * @throws UsageError ERR_WORKERS where the number of workers is not a positive integer
 * @throws RunError as the worker threw it
 */
export async function runUnits(worker: string, setup: object, options: WorkOptions): Promise<void> {
  const { units, workers = defaultWorkers(), onProgress } = options;
  checkWorkers(workers, "runUnits");
  const next = new SharedArrayBuffer(4);
  let done = 0;
  const finished = (thread: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      thread.ref();
      thread.on("error", reject);
      thread.on("message", (report: Report) => {
        if (report === "end") {
          resolve();
        } else if ("done" in report) {
          done += report.done;
          onProgress?.(done, units);
        } else {
          reject(new RunError(report.code, report.message));
        }
      });
    });
  const threads = Array.from({ length: Math.min(workers, units) }, () =>
    startWorker(worker, { ...setup, queue: { units, next } satisfies Queue }),
  );
  const failures: unknown[] = [];
  await Promise.all(
    threads.map((thread) =>
      finished(thread).catch((failure) => {
        failures.push(failure);
        Atomics.store(new Int32Array(next), 0, units);
      }),
    ),
  );
  await Promise.all(threads.map((thread) => thread.terminate()));
  if (failures.length > 0) throw failures[0];
}

/** In a worker thread: takes units and works on them until none is left. */
export async function serveUnits(work: (unit: number) => Promise<void> | void): Promise<void> {
  const { units, next } = (workerData as { queue: Queue }).queue;
  const counter = new Int32Array(next);
  const report = (message: Report): void => parentPort?.postMessage(message);
  try {
    for (let unit = Atomics.add(counter, 0, 1); unit < units; unit = Atomics.add(counter, 0, 1)) {
      await work(unit);
      report({ done: 1 });
    }
    report("end");
  } catch (error) {
    // An error that is sent to another thread loses its class. The main thread restores it from code and message.
    if (!(error instanceof AdvPropError)) throw error;
    report({ code: error.code, message: error.message });
  }
}
