/** Watches a folder of runs for changes. */

import type { Change, Listing, ReportSummary, RunSummary } from "../wire.js";
import { type Found, findRuns } from "./find-runs.js";
import { mayChange, summariseRun, versionsOf } from "./run-summary.js";

/** Smallest time between two looks, in milliseconds. */
const LEAST_WAIT = 1000;

/** Largest share of the time that may be spent on looking. */
const SHARE = 0.05;

interface Known {
  readonly path: string;
  readonly signature: string;
  readonly summary: RunSummary;
}

/**
 * Watches a folder by polling, because the file system of the runs may not report changes. It polls only while there are listeners. It
 * keeps a summary of each run in memory.
 */
export class FolderWatch {
  readonly #runs = new Map<string, Known>();
  #reports: Found["reports"] = new Map();
  readonly #listeners = new Set<(change: Change) => void>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(readonly folder: string) {}

  listing(): Listing {
    this.#refresh();
    return { folder: this.folder, runs: this.#summaries(), reports: this.#reportSummaries() };
  }

  /** The folder of a run; undefined if no run has this id. */
  run(id: string): { readonly path: string; readonly summary: RunSummary } | undefined {
    this.#refresh();
    return this.#runs.get(id);
  }

  /** The file of a report. */
  report(kind: ReportSummary["kind"], id: string): string | undefined {
    this.#refresh();
    return this.#reports.get(`${kind}:${id}`)?.path;
  }

  /** Calls a listener with each change from now on. @returns a function that ends this */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setTimeout(() => this.#tick(), LEAST_WAIT);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #tick(): void {
    const started = performance.now();
    try {
      this.#look();
    } catch {
      // The next look may succeed, and without one the page would show old states.
    } finally {
      const took = performance.now() - started;
      this.#timer = setTimeout(() => this.#tick(), Math.max(LEAST_WAIT, took / SHARE));
    }
  }

  /** Looks again unless the last look was a moment ago. */
  #refresh(): void {
    if (performance.now() - this.#lookedAt > LEAST_WAIT / 2) this.#look();
  }

  #look(): void {
    const { runs, reports } = findRuns(this.folder);
    const changed: RunSummary[] = [];
    for (const [id, path] of runs) {
      const before = this.#runs.get(id);
      const signature = Object.values(versionsOf(path)).join();
      if (before?.signature === signature && !mayChange(before.summary)) continue;
      const summary = summariseRun(id, path, this.folder, before?.summary);
      if (before?.signature === signature && isSame(before.summary, summary)) continue;
      this.#runs.set(id, { path, signature, summary });
      changed.push(summary);
    }
    const removed = [...this.#runs.keys()].filter((id) => !runs.has(id));
    for (const id of removed) this.#runs.delete(id);
    const stamp = (found: Found["reports"]) =>
      [...found].map(([key, { summary }]) => `${key} ${summary.changedAt}`).join("\n");
    const reportsChanged = stamp(reports) !== stamp(this.#reports);
    this.#reports = reports;
    this.#lookedAt = performance.now();
    if (changed.length === 0 && removed.length === 0 && !reportsChanged) return;
    const change = { runs: changed, removed, ...(reportsChanged && { reports: this.#reportSummaries() }) };
    for (const listener of this.#listeners) listener(change);
  }

  #summaries = (): RunSummary[] => [...this.#runs.values()].map(({ summary }) => summary);

  #reportSummaries = (): ReportSummary[] => [...this.#reports.values()].map(({ summary }) => summary);
}

/** Whether a run is still in the state that was sent. */
const isSame = (before: RunSummary, now: RunSummary): boolean =>
  before.state === now.state && before.problem === now.problem;
