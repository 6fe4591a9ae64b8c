import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The finished runs of a folder by name, or by seed. */
export function readRuns(folder = join(import.meta.dirname, "runs")) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  const runs = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
  return new Map(runs.map((run) => [run.name ?? run.seed, run]));
}

/** Writes a finished run. The file gets its name when it is complete. */
export function writeRun(file, run) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(run, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}
