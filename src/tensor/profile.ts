/** Where the time of the engine goes: a profile by operator, forward and backward alike. */
import { native, type ProfileRow } from "./native.js";
import type { Device } from "./tensor.js";

/** What a stretch of work was made of. */
export interface Profile<T> {
  readonly result: T;
  /** Time from beginning to end. */
  readonly ms: number;
  /** Slowest first. What they leave of `ms` is time outside of operators: this program's own. */
  readonly rows: readonly ProfileRow[];
}

/**
 * Runs a function with the recorder on, which makes operators about a microsecond slower. An operator inside another
 * counts as part of it, save convolutions and kernels of ours, which have rows of their own.
 *
 * @param device where the work is done. The rows of a GPU are its own time, known to an engine that was built with our kernels
 * @throws ERR_PROFILE a profile is running already
 */
export function profile<T>(run: () => T, device: Device = "cpu"): Profile<T> {
  const start = performance.now();
  native.startProfile(device !== "cpu");
  let rows: ProfileRow[];
  let result: T;
  try {
    result = run();
  } finally {
    rows = native.stopProfile();
  }
  const ms = performance.now() - start;
  return { result, ms, rows: rows.sort((a, b) => b.ms - a.ms) };
}
