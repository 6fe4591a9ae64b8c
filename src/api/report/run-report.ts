/** What a run's folder shows of the run when its training ends. */
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { metricsCsv } from "../../runs/metrics-csv.js";
import { readJsonLines } from "../../runs/metrics-log.js";
import type { RunDirectory } from "../../runs/run-directory.js";
import type { MetricsRecord } from "../../runs/schema.js";
import { report } from "./report.js";

/**
 * Writes `report.html` and `metrics.csv` into the folder. It never throws: a training is worth more than a page about it.
 *
 * @returns what went wrong, for people; undefined where nothing did
 */
export async function writeRunReport(run: RunDirectory): Promise<string | undefined> {
  try {
    writeFileAtomic(run.metricsTable, metricsCsv(readJsonLines<MetricsRecord>(run.metrics.path)));
    await report([run.path], { to: run.report });
    return undefined;
  } catch (error) {
    return `The training is saved, but not the page about it: ${(error as Error).message}`;
  }
}
