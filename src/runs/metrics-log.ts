/** Append-only JSON lines: the metrics of a run as they come. */

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { RunError } from "../errors.js";
import { writeError, writeFileAtomic } from "./atomic-file.js";

/** A record that a resumed run can place in time. */
interface Stepped {
  /** Updates done when it was written. */
  readonly step: number;
}

/** A file of JSON lines that only grows, but for {@link truncateAfter} on a resume. Made by the first append. */
export class JsonLinesLog<R extends Stepped> {
  constructor(readonly path: string) {}

  /**
   * Adds one line.
   *
   * @throws RunError ERR_WRITE where the file cannot be written
   */
  append(record: R): void {
    try {
      appendFileSync(this.path, `${JSON.stringify(record)}\n`);
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }

  /**
   * Removes the records of steps after `step`, which the resumed run will write again, and a last line that a crash cut
   * short.
   *
   * @throws RunError ERR_RUN_FILE where another line is not a record
   * @throws RunError ERR_WRITE where the file cannot be written
   */
  truncateAfter(step: number): void {
    if (!existsSync(this.path)) return;
    const kept = readJsonLines<R>(this.path).filter((record) => record.step <= step);
    writeFileAtomic(this.path, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
  }
}

/**
 * The records of a file of JSON lines in order; none where there is no file yet. A last line without its end is left
 * out: its writer is at it, or was killed.
 *
 * @throws RunError ERR_RUN_FILE where a finished line is not a JSON object
 */
export function readJsonLines<R extends Stepped>(path: string): R[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.slice(0, -1).map((line, i) => {
    const record = parseRecord(line);
    if (record !== undefined) return record as R;
    throw new RunError(
      "ERR_RUN_FILE",
      `${path}:${i + 1}: each line must be a JSON object with a step; found ${JSON.stringify(line.slice(0, 60))}. Remove the line.`,
    );
  });
}

function parseRecord(line: string): Stepped | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === "object" && value !== null && "step" in value && typeof value.step === "number";
    return isRecord ? (value as Stepped) : undefined;
  } catch {
    return undefined;
  }
}
