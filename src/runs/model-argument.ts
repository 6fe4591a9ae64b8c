/** The argument MODEL of several commands: a run's folder, or a weights file. */
import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError } from "../errors.js";
import { type CheckpointName, RunDirectory } from "./run-directory.js";

/** The weights file of a MODEL, and the run's folder if it is a run. */
export interface ModelArgument {
  readonly run: string | undefined;
  readonly weights: string;
  /** What the user should know of the files of the run's own parts. */
  readonly notes: readonly string[];
}

/** The checkpoint that a text names: last, best or a step; undefined for another text. */
export function checkpointName(text: string): CheckpointName | undefined {
  if (text === "last" || text === "best") return text;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * @param command    the command, for messages
 * @param checkpoint last, best or the step of a kept checkpoint; by default best if it exists, else last
 * @throws ERR_CHECKPOINT there is no such checkpoint; ERR_RUN_MISSING, ERR_RUN_SCHEMA the folder is not a readable run; ERR_PARTS its
 *   network or attack is not registered
 */
export function resolveModel(command: string, model: string, checkpoint: string | undefined): ModelArgument {
  if (statSync(model, { throwIfNoEntry: false })?.isDirectory() !== true)
    return { run: undefined, weights: model, notes: [] };
  const run = RunDirectory.open(model);
  const notes = run.checkParts();
  if (checkpoint === undefined) {
    const best = run.checkpoint("best").weights;
    return { run: model, weights: existsSync(best) ? best : run.checkpoint("last").weights, notes };
  }
  const name = checkpointName(checkpoint);
  if (name !== undefined) return { run: model, weights: run.checkpoint(name).weights, notes };
  throw new UsageError(
    "ERR_CHECKPOINT",
    `${command}: \`checkpoint\` must be last, best or the step of a kept checkpoint; got ${checkpoint} (files are in ${join(basename(model), "checkpoints")})`,
  );
}
