/** Finds the runs and reports in a folder. */
import { type Dirent, readdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import type { ReportSummary } from "../wire.js";
import { statusOf } from "./file-status.js";

/** Deeper folders are not searched. */
const DEEPEST = 6;

/** Folders with many files that contain no runs. */
const PASSED_OVER = new Set(["node_modules", "checkpoints", "measurements", "images", "pictures", "evaluation"]);

export interface Found {
  /** The runs' folders by their ids. */
  readonly runs: ReadonlyMap<string, string>;
  readonly reports: ReadonlyMap<string, FoundReport>;
}

export interface FoundReport {
  readonly path: string;
  readonly summary: ReportSummary;
}

/** Files of a comparison and of a suite. The plan exists from the beginning, the report only at the end. */
const REPORTS = [
  { file: "comparison.json", kind: "comparison" },
  { file: "report.json", kind: "suite" },
] as const;

/** Searches a folder and its subfolders. A folder that cannot be read, or disappears meanwhile, counts as empty. */
export function findRuns(folder: string): Found {
  const runs = new Map<string, string>();
  const reports = new Map<string, FoundReport>();
  const seen = new Set<string>();
  const visit = (path: string, id: string, depth: number) => {
    const entries = entriesOf(path);
    const names = new Set(entries.map(({ name }) => name));
    const own = id === "" ? "." : id;
    for (const { file, kind } of REPORTS) {
      if (!names.has(file)) continue;
      const changedAt = statusOf(join(path, file))?.mtimeMs;
      if (changedAt === undefined) continue;
      const summary = { id: own, kind, name: basename(path), changedAt };
      reports.set(`${kind}:${own}`, { path: join(path, file), summary });
    }
    if (names.has("run.json")) {
      runs.set(own, path);
      return;
    }
    if (depth === DEEPEST) return;
    for (const entry of entries) {
      if (entry.name.startsWith(".") || PASSED_OVER.has(entry.name)) continue;
      const inner = join(path, entry.name);
      if (!entry.isDirectory() && !(entry.isSymbolicLink() && isNewFolder(inner, seen))) continue;
      visit(inner, id === "" ? entry.name : `${id}/${entry.name}`, depth + 1);
    }
  };
  visit(folder, "", 0);
  return { runs, reports };
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

/** Links may form a circle, so each target is searched only once. */
function isNewFolder(path: string, seen: Set<string>): boolean {
  try {
    const real = realpathSync(path);
    if (seen.has(real) || statusOf(real)?.isDirectory() !== true) return false;
    seen.add(real);
    return true;
  } catch {
    return false;
  }
}
