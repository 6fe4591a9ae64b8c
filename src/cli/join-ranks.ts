/** The processes that a training was started with, and whether it was started again. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LAUNCHER_VARIABLE } from "../distributed/launcher.js";
import { ProcessGroup } from "../distributed/process-group.js";
import { restartsOf } from "../distributed/rank-environment.js";

/**
 * Meets the other ranks where the environment speaks of such.
 *
 * @param run the folder of the run, where it is given
 * @returns the group, and whether whoever starts the ranks has started them again, so that rank 0 goes on with the run in its folder
 * @throws UsageError ERR_RANK_SETTING, RunError ERR_RANK
 */
export function joinRanks(run: string | undefined): { group: ProcessGroup | undefined; restarted: boolean } {
  const group = ProcessGroup.joinFromEnvironment();
  const again = (group === undefined || group.rank === 0) && restartsOf(process.env) > 0;
  return { group, restarted: again && run !== undefined && existsSync(join(run, "run.json")) };
}

/** Milliseconds between looks at whether the launcher is there. */
const LOOK = 1000;

/** Has a training stop, as by a signal, where whoever launched it has gone. Gives what ends the looking. */
export function stopWithoutLauncher(stop: () => void): () => void {
  const launcher = Number(process.env[LAUNCHER_VARIABLE]);
  if (!launcher) return () => {};
  const looking = setInterval(() => {
    if (process.ppid !== launcher) stop();
  }, LOOK).unref();
  return () => clearInterval(looking);
}
