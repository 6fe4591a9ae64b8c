/** Follows a folder of runs: what is in it, and what changed. */

import type { Change, Listing, ReportSummary, RunSummary } from "../wire.js";
import { type Found, findRuns } from "./find-runs.js";
import { mayDie, summariseRun, versionsOf } from "./run-summary.js";

/** Looking again sooner would cost more than it shows. */
const LEAST_WAIT = 1000;

/** At most this share of the time is spent on looking. */
const SHARE = 0.05;

interface Known {
  readonly path: string;
  readonly signature: string;
  readonly summary: RunSummary;
}

/**
 * Looks by itself only while somebody listens, by polling: the runs may lie on a file system that tells of no changes. What it
 * keeps is a summary for each run.
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

  /** The folder of a run; undefined where there is none of that id. */
  run(id: string): { readonly path: string; readonly summary: RunSummary } | undefined {
    this.#refresh();
    return this.#runs.get(id);
  }

  /** The file of a report. */
  report(kind: ReportSummary["kind"], id: string): string | undefined {
    this.#refresh();
    return this.#reports.get(`${kind}:${id}`)?.path;
  }

  /** Calls a listener with each change from now on. @returns what ends it */
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
    this.#look();
    const took = performance.now() - started;
    this.#timer = setTimeout(() => this.#tick(), Math.max(LEAST_WAIT, took / SHARE));
  }

  /** Looks where the last look is not of this moment. */
  #refresh(): void {
    if (performance.now() - this.#lookedAt > LEAST_WAIT / 2) this.#look();
  }

  #look(): void {
    const { runs, reports } = findRuns(this.folder);
    const changed: RunSummary[] = [];
    for (const [id, path] of runs) {
      const before = this.#runs.get(id);
      const signature = Object.values(versionsOf(path)).join();
      if (before?.signature === signature && !mayDie(before.summary)) continue;
      const summary = summariseRun(id, path, this.folder, before?.summary);
      if (before?.signature === signature && before.summary.state === summary.state) continue;
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
