/** A run in a report: its files are read once, and its name is unique in the report. */
import { existsSync, readFileSync } from "node:fs";
import { UsageError } from "../../errors.js";
import { modelName } from "../../predictors/opened.js";
import { RunDirectory } from "../../runs/run-directory.js";
import type {
  BatchNormDriftRecord,
  EpochRecord,
  MetricsRecord,
  StepRecord,
  ValidationRecord,
} from "../../runs/schema.js";
import { openRun, type Run } from "../open-run.js";

export interface ReportedRun {
  readonly name: string;
  readonly run: Run;
  readonly steps: readonly StepRecord[];
  readonly epochs: readonly EpochRecord[];
  readonly validations: readonly ValidationRecord[];
  readonly drift: readonly BatchNormDriftRecord[];
  /** Number of updates per epoch; undefined before the first epoch is done. */
  readonly stepsPerEpoch: number | undefined;
  /** The recorded facts about the run's machine; empty if the file is missing. */
  readonly environment: Readonly<Record<string, unknown>>;
}

/**
 * Reads runs, in their order.
 *
 * @throws UsageError ERR_REPORT no run is given, or one is given twice; ERR_RUN_MISSING, ERR_RUN_SCHEMA, ERR_RECIPE as `openRun`
 */
export function reportedRuns(paths: readonly string[]): ReportedRun[] {
  if (paths.length === 0) throw new UsageError("ERR_REPORT", "report: give at least one run's folder");
  const opened = paths.map(openRun);
  const twice = opened.findIndex(({ path }, i) => opened.findIndex((other) => other.path === path) !== i);
  if (twice >= 0)
    throw new UsageError("ERR_REPORT", `report: each run may be given only once; ${opened[twice].path} is given twice`);
  const names: string[] = [];
  return opened.map((run) => {
    const own = modelName(run.path);
    let name = own;
    for (let number = 2; names.includes(name); number++) name = `${own} (${number})`;
    names.push(name);
    const metrics = run.metrics();
    const of = <Type extends MetricsRecord["type"]>(type: Type) =>
      metrics.filter((record): record is Extract<MetricsRecord, { type: Type }> => record.type === type);
    const epochs = of("epoch");
    const [first] = epochs;
    return {
      name,
      run,
      steps: of("step"),
      epochs,
      validations: of("validation"),
      drift: run.batchNormDrift(),
      stepsPerEpoch: first && first.step / (first.epoch + 1),
      environment: environmentOf(run.path),
    };
  });
}

function environmentOf(path: string): Readonly<Record<string, unknown>> {
  const { environment } = RunDirectory.open(path);
  return existsSync(environment) ? JSON.parse(readFileSync(environment, "utf8")) : {};
}
