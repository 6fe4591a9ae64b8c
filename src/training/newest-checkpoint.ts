/** The checkpoint that a run resumes from: the newest, or the one before it if the newest is damaged. */
import { existsSync, renameSync } from "node:fs";
import { AdvPropError, UsageError } from "../errors.js";
import { keepAs } from "../runs/atomic-file.js";
import { type CheckpointFiles, readCheckpoint, type WeightsFile } from "./checkpoint.js";

export interface NewestCheckpoint {
  readonly file: WeightsFile;
  /** The file that was read. */
  readonly path: string;
  /** What is wrong with the newest checkpoint, if it is damaged. */
  readonly damage?: string;
}

/**
 * Reads the newest checkpoint that is not damaged.
 *
 * @returns undefined if the run has no checkpoint yet
 * @throws UsageError ERR_CHECKPOINT_DAMAGED all are damaged
 */
export function readNewestCheckpoint({ weights, previous }: CheckpointFiles): NewestCheckpoint | undefined {
  const damages: string[] = [];
  for (const path of [weights, previous]) {
    if (path === undefined || !existsSync(path)) continue;
    try {
      return { file: readCheckpoint(path), path, ...(damages.length > 0 && { damage: damages[0] }) };
    } catch (error) {
      if (!(error instanceof AdvPropError)) throw error;
      damages.push(error.message);
    }
  }
  if (damages.length === 0) return undefined;
  throw new UsageError(
    "ERR_CHECKPOINT_DAMAGED",
    `no checkpoint of the run can be read, so the run cannot be resumed:\n${damages.join("\n")}\n` +
      "Restore one of these files, or start a new run with another of its checkpoints as `weights`",
  );
}

/** Renames a damaged newest checkpoint, and makes the one before it the newest. @returns the new name of the damaged one */
export function setAsideDamaged({ weights, previous }: CheckpointFiles): string {
  const aside = weights.replace(/\.safetensors$/, "-damaged.safetensors");
  renameSync(weights, aside);
  if (previous !== undefined) keepAs(previous, weights);
  return aside;
}
