/** Reads a run's folder: its recipe, logs and results. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveRecipe } from "../recipes/resolve.js";
import { parseSavedRecipe } from "../recipes/saved.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { readJsonLines } from "../runs/metrics-log.js";
import { RunDirectory } from "../runs/run-directory.js";
import type { BatchNormDriftRecord, EvaluationFile, MetricsRecord, RunInfo, SuiteFile } from "../runs/schema.js";

export interface Run {
  /** The run's folder. */
  readonly path: string;
  /** Its status and its data. */
  readonly info: RunInfo;
  /** The recipe with all defaults filled in. */
  readonly recipe: ResolvedRecipe;
  /** The text of the recipe file. */
  recipeText(): string;
  /** The weights file to use: the best on the validation images if there is one, else the last; undefined before the first checkpoint. */
  readonly weights: string | undefined;
  /** The logged losses, rates and validations in order. An incomplete last line is left out. */
  metrics(): MetricsRecord[];
  /** The differences between auxiliary and main running statistics, by epoch. */
  batchNormDrift(): BatchNormDriftRecord[];
  /** The results of `evaluate`, oldest first. */
  evaluations(): EvaluationFile[];
  /** The results of suites, oldest first. */
  suites(): SuiteFile[];
}

/**
 * Opens a run for reading. Nothing is changed, so the run may still be training.
 *
 * @param path the run's folder
 * @throws UsageError ERR_ARGUMENT the path is not text; ERR_RUN_MISSING there is no run; ERR_RUN_SCHEMA the run is from another version; ERR_PARTS its network or attack is of a file that
 *   is not loaded
 */
export function openRun(path: string): Run {
  const folder = RunDirectory.open(path);
  folder.checkParts();
  const weights = (["best", "last"] as const).map((name) => folder.checkpoint(name).weights).find(existsSync);
  return {
    path: folder.path,
    info: folder.readInfo(),
    recipe: resolveRecipe(parseSavedRecipe(folder.recipeText(), folder.recipe)),
    recipeText: () => folder.recipeText(),
    weights,
    metrics: () => readJsonLines(folder.metrics.path),
    batchNormDrift: () => readJsonLines(folder.batchNormDrift.path),
    evaluations: () => resultsIn<EvaluationFile>(folder.evaluation),
    suites: () => resultsIn<SuiteFile>(folder.suites).map((file) => withoutNulls(file)),
  };
}

/** The results in a folder, oldest first. */
function resultsIn<Result extends { readonly createdAt: string }>(folder: string): Result[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^[^.].*\.json$/.test(name)) : [];
  const files = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Result);
  return files.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** Replaces null by undefined, because JSON writes undefined in a list as null. */
function withoutNulls<Value>(value: Value): Value {
  if (value === null) return undefined as Value;
  if (Array.isArray(value)) return value.map(withoutNulls) as Value;
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, withoutNulls(one)])) as Value;
}
