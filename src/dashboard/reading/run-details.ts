/** The parts of a run that are read completely on request. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { RunDetails, RunSummary, SnapshotEntry } from "../wire.js";
import { evaluationEntries, filesIn, newestSuite } from "./evaluations.js";
import { type JsonObject, objectOf, readJsonObject } from "./read-json.js";

export function runDetails(path: string, summary: RunSummary): RunDetails {
  return {
    summary,
    info: readJsonObject(join(path, "run.json")),
    recipe: recipeValues(join(path, "recipe.yaml")),
    environment: readJsonObject(join(path, "environment.json")) ?? {},
    snapshots: snapshotsIn(join(path, "images")),
    evaluations: evaluationEntries(join(path, "evaluation")),
    suite: newestSuite(join(path, "evaluation", "suites")),
  };
}

/** The values of a recipe by their paths, without a check, because the recipe may be of another version; none if the file is not YAML. */
function recipeValues(path: string): Record<string, unknown> {
  let recipe: JsonObject | undefined;
  try {
    recipe = objectOf(parse(readFileSync(path, "utf8")));
  } catch {
    return {};
  }
  const values: Record<string, unknown> = {};
  const visit = (prefix: string, section: JsonObject) => {
    for (const [key, value] of Object.entries(section)) {
      const inner = objectOf(value);
      if (inner === undefined) values[`${prefix}${key}`] = value;
      else visit(`${prefix}${key}.`, inner);
    }
  };
  visit("", recipe ?? {});
  return values;
}

function snapshotsIn(folder: string): SnapshotEntry[] {
  return filesIn(folder, ".png").flatMap((file) => {
    const epoch = /^epoch-(\d+)\.png$/.exec(file)?.[1];
    if (epoch === undefined) return [];
    const predictions = readJsonObject(join(folder, file.replace(/png$/, "json")));
    return [{ file, epoch: Number(epoch), ...(predictions && { predictions }) }];
  });
}
