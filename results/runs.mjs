import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The finished runs of a folder by name, or by seed. */
export function readRuns(folder = join(import.meta.dirname, "runs")) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  const runs = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
  return new Map(runs.map((run) => [run.name ?? run.seed, run]));
}
