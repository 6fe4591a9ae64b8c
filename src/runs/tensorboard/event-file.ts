/** A file of events that TensorBoard reads while it grows. */
import { appendFileSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { makeFolder, writeError } from "../atomic-file.js";
import type { BatchNormDriftRecord, MetricsRecord } from "../schema.js";
import { type Event, encodeEvent, SESSION_START } from "./event.js";
import { frameRecord } from "./record-file.js";
import { driftScalars, metricScalars, type Scalars } from "./scalars.js";

/** Writes scalars and images of one training. A resumed training writes another file. */
export class EventFile {
  readonly path: string;

  /**
   * @param folder of the event files; made if it does not exist
   * @param step   updates before. TensorBoard then ignores later steps in earlier files
   * @throws RunError ERR_WRITE the folder or the file cannot be written
   */
  constructor(folder: string, step: number) {
    const seconds = Math.floor(Date.now() / 1000);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${step}`);
    makeFolder(folder);
    this.#append({ fileVersion: "brain.Event:2" });
    this.#append({ step: step + 1, sessionLog: { status: SESSION_START } });
  }

  metrics(record: MetricsRecord): void {
    this.#scalars(record.step, metricScalars(record));
  }

  drift(record: BatchNormDriftRecord): void {
    this.#scalars(record.step, driftScalars(record));
  }

  /** @param file path of a PNG */
  async image(tag: string, step: number, file: string): Promise<void> {
    const encodedImageString = readFileSync(file);
    const { width, height, channels } = await sharp(encodedImageString).metadata();
    const image = { height, width, colorspace: channels, encodedImageString };
    this.#append({ step, summary: { value: [{ tag, image }] } });
  }

  #scalars(step: number, scalars: Scalars): void {
    this.#append({ step, summary: { value: scalars.map(([tag, simpleValue]) => ({ tag, simpleValue })) } });
  }

  #append(event: Omit<Event, "wallTime">): void {
    try {
      appendFileSync(this.path, frameRecord(encodeEvent({ wallTime: Date.now() / 1000, ...event })));
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }
}
