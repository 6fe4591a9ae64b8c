import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { wholeNumber } from "../flags/set-flags.js";

interface LaunchFlags {
  readonly processes: string;
  readonly maxRestarts: string;
}

/** `advprop launch --processes N -- train ...`starts a training by several processes of this host. */
export function define(command: Command): void {
  command
    .argument("<command...>", "the command train with its arguments, after --")
    .requiredOption(
      "--processes <count>",
      "number of processes that train together, each on its share of the cores or on its own GPU",
    )
    .option(
      "--max-restarts <count>",
      "how often all may be started again from the last checkpoint after one fails",
      "0",
    )
    .action(launch);
}

const hasRun = (args: readonly string[]): boolean => args.some((arg) => arg === "--run" || arg.startsWith("--run="));

async function launch(args: readonly string[], flags: LaunchFlags): Promise<void> {
  const processes = wholeNumber("launch", "--processes", flags.processes, 1);
  const maxRestarts = wholeNumber("launch", "--max-restarts", flags.maxRestarts, 0);
  if (args[0] !== "train") {
    throw new UsageError(
      "ERR_LAUNCH",
      `launch: the command after -- must be train with its arguments; got ${args[0]}. ` +
        "For example: advprop launch --processes 2 -- train --data shapes",
    );
  }
  if (maxRestarts > 0 && !hasRun(args)) {
    throw new UsageError(
      "ERR_LAUNCH",
      "launch: --max-restarts needs a run folder from which all can resume. Name it: train --run DIR",
    );
  }
  const { Launcher } = await import("../../distributed/launcher.js");
  const { withFlags } = await import("../flags/flag-names.js");
  const launcher = new Launcher({
    program: [fileURLToPath(new URL("../main.js", import.meta.url)), ...args],
    processes,
    maxRestarts,
    say: (line) => process.stderr.write(`${withFlags(line)}\n`),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => launcher.stop(signal));
  process.exitCode = { finished: 0, stopped: 1, failed: 1, misused: 2 }[await launcher.run()];
}
