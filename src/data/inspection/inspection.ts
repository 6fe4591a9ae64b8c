/** Inspects every photo of a folder once, in worker threads. */

import type { Worker } from "node:worker_threads";
import { RunError } from "../../errors.js";
import type { ImageHeader } from "../../images/decode.js";
import { defaultWorkers, startWorker } from "../loading/worker-threads.js";
import type { Fingerprint } from "./fingerprint.js";

/** The result of inspecting a file. */
export interface Inspection {
  /** SHA-256 of its bytes; absent where it cannot be read. */
  readonly digest?: string;
  readonly header?: ImageHeader;
  /** Absent where it cannot be decoded. */
  readonly fingerprint?: Fingerprint;
  /** Why it cannot be decoded. */
  readonly error?: string;
  /** Damage that a lenient decoder can ignore. Some pixels are wrong then. */
  readonly damage?: string;
}

/** Sent to a worker. */
export interface InspectionRequest {
  readonly first: number;
  /** Full paths. */
  readonly files: readonly string[];
}

/** The worker's answer, or why there is none, as where a server fails. */
export type InspectionResult =
  | { readonly first: number; readonly inspections: readonly Inspection[] }
  | { readonly code: string; readonly message: string };

export interface InspectionOptions {
  /** By default one for each processor, at most as many as Node's pool has threads (4). */
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Files in a request: enough to make the cost of messages negligible. */
const CHUNK = 16;

/** Inspects files. Each is decoded once at a small size, which reads all of its bytes. A bad file never throws. */
export async function inspectPhotos(files: readonly string[], options: InspectionOptions = {}): Promise<Inspection[]> {
  const { workers = defaultWorkers(), onProgress } = options;
  const inspections = new Array<Inspection>(files.length);
  let next = 0;
  let done = 0;
  const threads = Array.from({ length: Math.min(workers, Math.ceil(files.length / CHUNK)) }, () =>
    startWorker("data/inspection/inspection-worker", undefined),
  );
  const feed = (worker: Worker): boolean => {
    if (next >= files.length) return false;
    worker.postMessage({ first: next, files: files.slice(next, next + CHUNK) } satisfies InspectionRequest);
    next += CHUNK;
    return true;
  };
  const work = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      worker.ref();
      worker.on("error", reject);
      worker.on("message", (result: InspectionResult) => {
        if ("code" in result) {
          reject(new RunError(result.code, result.message));
          return;
        }
        const { first, inspections: results } = result;
        results.forEach((inspection, i) => {
          inspections[first + i] = inspection;
        });
        done += results.length;
        onProgress?.(done, files.length);
        if (!feed(worker)) resolve();
      });
      feed(worker);
    });
  try {
    await Promise.all(threads.map(work));
  } finally {
    await Promise.all(threads.map((worker) => worker.terminate()));
  }
  return inspections;
}
