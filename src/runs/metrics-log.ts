/** A log of JSON lines, for the metrics of a run. */

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { RunError } from "../errors.js";
import { writeError, writeFileAtomic } from "./atomic-file.js";

/** A record with the step at which it was written. */
interface Stepped {
  /** Number of updates before it was written. */
  readonly step: number;
}

/** A file of JSON lines that only grows, except by {@link truncateAfter} on a resume. The first append creates it. */
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
   * Removes the records of steps after `step`, which the resumed run writes again, and an incomplete last line, which a crash can
   * leave.
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
 * The records of a file of JSON lines in order; none where the file does not exist. A last line without a line break is left
 * out: it is still being written, or its writer was killed.
 *
 * @throws RunError ERR_RUN_FILE where a complete line is not a JSON object
 */
export function readJsonLines<R extends Stepped>(path: string): R[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.slice(0, -1).map((line, i) => {
    const record = parseRecord(line);
    if (record !== undefined) return record as R;
    throw new RunError(
      "ERR_RUN_FILE",
      `${path}:${i + 1}: each line must be a JSON object with a step; got ${JSON.stringify(line.slice(0, 60))}. Remove the line.`,
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
