/** Short names of runs that tell them apart. */
import type { RunSummary } from "../wire.js";

/** The end of each id that no other of these runs has: "vanilla-seed-0", or "first/vanilla-seed-0" where there are two. */
export function shortNames(runs: readonly RunSummary[]): ReadonlyMap<string, string> {
  const parts = (run: RunSummary) => (run.id === "." ? [run.name] : run.id.split("/"));
  return new Map(
    runs.map((run) => {
      const own = parts(run);
      for (let length = 1; length < own.length; length++) {
        const name = own.slice(-length).join("/");
        if (runs.every((other) => other === run || parts(other).slice(-length).join("/") !== name))
          return [run.id, name];
      }
      return [run.id, own.join("/")];
    }),
  );
}
