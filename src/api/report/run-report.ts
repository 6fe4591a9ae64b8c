/** The report that is written into a run's folder when its training ends. */
import { writeFileAtomic } from "../../runs/atomic-file.js";
import { metricsCsv } from "../../runs/metrics-csv.js";
import { readJsonLines } from "../../runs/metrics-log.js";
import type { RunDirectory } from "../../runs/run-directory.js";
import type { MetricsRecord } from "../../runs/schema.js";
import { report } from "./report.js";

/**
 * Writes `report.html` and `metrics.csv` into the folder. It never throws, so that a failing report cannot spoil a finished training.
 *
 * @returns a message if something went wrong, else undefined
 */
export async function writeRunReport(run: RunDirectory): Promise<string | undefined> {
  try {
    writeFileAtomic(run.metricsTable, metricsCsv(readJsonLines<MetricsRecord>(run.metrics.path)));
    await report([run.path], { to: run.report });
    return undefined;
  } catch (error) {
    return `The training is saved, but its report could not be written: ${(error as Error).message}`;
  }
}
