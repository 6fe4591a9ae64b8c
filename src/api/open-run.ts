/** A run's folder, read: what a program looks at to know what was trained, how it went and how good it is. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { resolveRecipe } from "../recipes/resolve.js";
import { parseSavedRecipe } from "../recipes/saved.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { readJsonLines } from "../runs/metrics-log.js";
import { RunDirectory } from "../runs/run-directory.js";
import type { BatchNormDriftRecord, EvaluationFile, MetricsRecord, RunInfo, SuiteFile } from "../runs/schema.js";

export interface Run {
  /** Its folder. */
  readonly path: string;
  /** How it stands, and on what it is trained. */
  readonly info: RunInfo;
  /** What it was trained with, every default filled in. */
  readonly recipe: ResolvedRecipe;
  /** The same as its file has it. */
  recipeText(): string;
  /** The weights file to use: the best on the validation images where there is one, else the last; undefined before the first. */
  readonly weights: string | undefined;
  /** Losses, rates and validations in the order in which they were logged; a line that is not whole yet is left out. */
  metrics(): MetricsRecord[];
  /** How far the auxiliary running statistics lie from the main ones, by epoch. */
  batchNormDrift(): BatchNormDriftRecord[];
  /** What `evaluate` has measured of it, oldest first. */
  evaluations(): EvaluationFile[];
  /** What suites have measured of it, oldest first. */
  suites(): SuiteFile[];
}

/**
 * Opens a run to read it; nothing is changed, so a run that is being trained may be read too.
 *
 * @param path the run's folder
 * @throws UsageError ERR_RUN_MISSING there is no run; ERR_RUN_SCHEMA it is of another version; ERR_PARTS its network or attack is of a file that
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

/** The results of a folder, oldest first. */
function resultsIn<Result extends { readonly createdAt: string }>(folder: string): Result[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^[^.].*\.json$/.test(name)) : [];
  const files = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Result);
  return files.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** The value with undefined in the place of null, which is what undefined in a list becomes in JSON. */
function withoutNulls<Value>(value: Value): Value {
  if (value === null) return undefined as Value;
  if (Array.isArray(value)) return value.map(withoutNulls) as Value;
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, withoutNulls(one)])) as Value;
}
