/** Keeps the metrics of runs in bounded memory. The file of each run is read once, and after that only new lines. */

import type { RunSeries, SeriesData } from "../wire.js";
import { LineFollower } from "./line-follower.js";
import { eachNumber, parseRecord } from "./records.js";
import { Series } from "./series.js";

/** Number of runs whose metrics are kept, at most about 1 MB each. Others are read again on request. */
const MOST_RUNS = 64;

/** Largest number of metrics of a run; no method logs so many. */
const MOST_SERIES = 64;

/** A range of steps, including both ends. */
export interface StepRange {
  readonly from: number;
  readonly to: number;
}

class RunMetrics {
  readonly #follower: LineFollower;
  /** The series by section and key. */
  readonly #series = new Map<string, Map<string, Series>>();
  #count = 0;
  #lines = 0;
  #broken = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    path: string,
    readonly range: StepRange = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY },
  ) {
    this.#follower = new LineFollower(path);
  }

  /** Reads new lines. Simultaneous calls wait for each other. */
  update(): Promise<void> {
    const read = () =>
      this.#follower.read(
        (line) => this.#add(line),
        () => this.#clear(),
      );
    this.#reading = this.#reading.then(read, read);
    return this.#reading;
  }

  data(id: string): RunSeries {
    const series: Record<string, SeriesData> = {};
    for (const [section, own] of this.#series) {
      for (const [key, one] of own) series[`${section}.${key}`] = one.data();
    }
    return { id, lines: this.#lines, broken: this.#broken, series };
  }

  #add(line: string): void {
    this.#lines++;
    const record = parseRecord(line);
    if (record === undefined) {
      this.#broken++;
      return;
    }
    const { step } = record;
    if (step < this.range.from || step > this.range.to) return;
    eachNumber(record, (section, key, value) => this.#seriesOf(section, key)?.add(step, value));
  }

  /** The series of a metric; undefined if there are too many metrics. */
  #seriesOf(section: string, key: string): Series | undefined {
    const found = this.#series.get(section)?.get(key);
    if (found !== undefined || this.#count === MOST_SERIES) return found;
    const made = new Series();
    this.#count++;
    const own = this.#series.get(section) ?? new Map<string, Series>();
    this.#series.set(section, own.set(key, made));
    return made;
  }

  #clear(): void {
    this.#series.clear();
    this.#count = 0;
    this.#lines = 0;
    this.#broken = 0;
  }
}

export class MetricsStore {
  /** The runs, with the most recently used one last. */
  readonly #runs = new Map<string, RunMetrics>();

  /**
   * All metrics of a run, or of some of its steps, in at most {@link MOST_BUCKETS} buckets each.
   *
   * @param path path of metrics.jsonl; if the file does not exist, there are no metrics
   */
  async read(id: string, path: string, range?: StepRange): Promise<RunSeries> {
    // A range is read again from the file, which has more detail than the kept series.
    const metrics = range === undefined ? this.#kept(path) : new RunMetrics(path, range);
    await metrics.update();
    return metrics.data(id);
  }

  #kept(path: string): RunMetrics {
    const metrics = this.#runs.get(path) ?? new RunMetrics(path);
    this.#runs.delete(path);
    this.#runs.set(path, metrics);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MOST_RUNS) this.#runs.delete(oldest);
    return metrics;
  }
}
