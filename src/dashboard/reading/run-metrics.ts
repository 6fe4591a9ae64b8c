/** The metrics of runs in memory that does not grow: each run's file is read once, and after that what is new in it. */

import type { RunSeries, SeriesData } from "../wire.js";
import { LineFollower } from "./line-follower.js";
import { eachNumber, parseRecord } from "./records.js";
import { Series } from "./series.js";

/** Runs whose metrics are kept; another one is read anew when it is asked for. About 1 MB each at most. */
const MOST_RUNS = 64;

/** More metrics than any method logs. */
const MOST_SERIES = 64;

/** The steps to look at, both ends included. */
export interface StepRange {
  readonly from: number;
  readonly to: number;
}

class RunMetrics {
  readonly #follower: LineFollower;
  /** By section and key. */
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

  /** Reads what is new. Calls at the same time wait for each other. */
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

  /** undefined where there are too many. */
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
  /** The one that was used last stands last. */
  readonly #runs = new Map<string, RunMetrics>();

  /**
   * All metrics of a run, or of some of its steps, in at most {@link MOST_BUCKETS} buckets each.
   *
   * @param path of metrics.jsonl; where it is not there, there are no metrics
   */
  async read(id: string, path: string, range?: StepRange): Promise<RunSeries> {
    // A part is read anew from the file: it has more detail than what is kept.
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
