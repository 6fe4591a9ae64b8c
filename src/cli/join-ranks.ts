/** Joins the processes of a training, and finds out whether they were restarted. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LAUNCHER_VARIABLE } from "../distributed/launcher.js";
import { ProcessGroup } from "../distributed/process-group.js";
import { restartsOf } from "../distributed/rank-environment.js";

/**
 * Joins the other ranks if the environment names any.
 *
 * @param run the folder of the run, if it is given
 * @returns the group, and whether the launcher restarted the ranks and rank 0 must resume the run in its folder
 * @throws UsageError ERR_RANK_SETTING, RunError ERR_RANK
 */
export function joinRanks(run: string | undefined): { group: ProcessGroup | undefined; restarted: boolean } {
  const group = ProcessGroup.joinFromEnvironment();
  const again = (group === undefined || group.rank === 0) && restartsOf(process.env) > 0;
  return { group, restarted: again && run !== undefined && existsSync(join(run, "run.json")) };
}

/** Milliseconds between checks whether the launcher is alive. */
const LOOK = 1000;

/** Stops a training, as a signal does, if its launcher has ended. Returns a function that ends the checks. */
export function stopWithoutLauncher(stop: () => void): () => void {
  const launcher = Number(process.env[LAUNCHER_VARIABLE]);
  if (!launcher) return () => {};
  const looking = setInterval(() => {
    if (process.ppid !== launcher) stop();
  }, LOOK).unref();
  return () => clearInterval(looking);
}
