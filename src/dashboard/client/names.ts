/** Short and unique names of runs. */
import type { RunSummary } from "../wire.js";

/**
 * The shortest end of each id that is unique among these runs: "vanilla-seed-0", or "first/vanilla-seed-0" if there are two. The folder
 * runs/ of a comparison is left out.
 */
export function shortNames(runs: readonly RunSummary[]): ReadonlyMap<string, string> {
  const parts = ({ id, name }: RunSummary) =>
    id === "." ? [name] : id.split("/").filter((part, i, all) => part !== "runs" || i === all.length - 1);
  const ends = (run: RunSummary) => parts(run).map((_, i, all) => all.slice(all.length - 1 - i).join("/"));
  const count = new Map<string, number>();
  for (const end of runs.flatMap(ends)) count.set(end, (count.get(end) ?? 0) + 1);
  return new Map(runs.map((run) => [run.id, ends(run).find((end) => count.get(end) === 1) ?? run.id]));
}
