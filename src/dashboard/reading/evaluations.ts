/** Reads the results of `evaluate` in a run's folder. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { attackText } from "../../evaluation/attack-text.js";
import type { Confusion, EvaluationEntry, RunSummary } from "../wire.js";
import { type JsonObject, numberOf, objectOf, readJsonObject, textOf } from "./read-json.js";

/** The sorted names of files with an ending in a folder; none if there is no folder. */
export function filesIn(folder: string, ending: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending) && !name.startsWith("."))
      .sort();
  } catch {
    return [];
  }
}

/** All evaluations, oldest first; a file that cannot be read is left out. */
function evaluationsIn(folder: string): { readonly file: string; readonly evaluation: JsonObject }[] {
  return filesIn(folder, ".json")
    .flatMap((file) => {
      const evaluation = readJsonObject(join(folder, file));
      return numberOf(evaluation?.accuracy) === undefined ? [] : [{ file, evaluation: evaluation! }];
    })
    .sort((a, b) => (String(a.evaluation.createdAt) < String(b.evaluation.createdAt) ? -1 : 1));
}

/**
 * The scores for the list: those of the newest evaluation without and with an attack, through the main batch norms, on test images if there
 * are any.
 */
export function evaluationScores(folder: string): Pick<RunSummary, "clean" | "robust" | "attack"> {
  const all = evaluationsIn(folder).map(({ evaluation }) => evaluation);
  const main = all.filter(({ route }) => route === undefined || route === "main");
  const tests = main.filter(({ data }) => objectOf(data)?.split === "test");
  const counted = tests.length > 0 ? tests : main;
  const robust = counted.findLast(({ robustAccuracy }) => typeof robustAccuracy === "number");
  // An evaluation with an attack may have fewer images, so that its clean accuracy is less certain.
  const clean = counted.findLast(({ robustAccuracy }) => robustAccuracy === undefined) ?? robust;
  return {
    clean: numberOf(clean?.accuracy) ?? suiteAccuracy(join(folder, "suites")),
    robust: numberOf(robust?.robustAccuracy),
    attack: robust && attackText(objectOf(robust.attack) ?? {}),
  };
}

/** The clean accuracy that `compare` and suites measured. */
function suiteAccuracy(folder: string): number | undefined {
  const measures = newestSuite(folder)?.measures;
  if (!Array.isArray(measures)) return undefined;
  const clean = measures.map(objectOf).find((measure) => measure?.name === "clean accuracy")?.values;
  return Array.isArray(clean) ? numberOf(objectOf(clean[0])?.value) : undefined;
}

export function evaluationEntries(folder: string): EvaluationEntry[] {
  return evaluationsIn(folder).map(({ file, evaluation }) => {
    const { confusion, confusionCounts, robustness, ...rest } = evaluation;
    const { outcomes: _, ...known } = objectOf(robustness) ?? {};
    return {
      file,
      evaluation: { ...rest, ...(robustness !== undefined && { robustness: known }) },
      hasConfusion: Array.isArray(confusion) || Array.isArray(confusionCounts),
    };
  });
}

/** The summary of the newest suite; undefined if there is none. @param folder folder of the suites */
export function newestSuite(folder: string): JsonObject | undefined {
  const all = filesIn(folder, ".json")
    .map((name) => readJsonObject(join(folder, name)))
    .filter((suite) => suite !== undefined);
  const newest = all.sort((a, b) => (String(a.createdAt) < String(b.createdAt) ? -1 : 1)).at(-1);
  return objectOf(newest?.summary);
}

/** The confusion matrix of an evaluation, without zeros; undefined if it has none. */
export function confusionOf(path: string): Confusion | undefined {
  const evaluation = readJsonObject(path);
  const classes = Array.isArray(evaluation?.perClass)
    ? evaluation.perClass.map((one, i) => textOf(objectOf(one)?.name) ?? String(i))
    : [];
  if (Array.isArray(evaluation?.confusionCounts)) return { classes, counts: evaluation.confusionCounts.flat() };
  if (!Array.isArray(evaluation?.confusion)) return undefined;
  const counts: number[] = [];
  for (const [label, row] of (evaluation.confusion as unknown[]).entries()) {
    if (!Array.isArray(row)) continue;
    for (const [predicted, count] of row.entries()) if (count > 0) counts.push(label, predicted, count);
  }
  return { classes, counts };
}
