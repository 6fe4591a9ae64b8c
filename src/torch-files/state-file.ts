/** The tensors of a weights file from anyone: safetensors, or what torch.save wrote. */
import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../errors.js";
import { decodeSafetensors } from "../runs/safetensors.js";
import { readRange } from "./file-range.js";
import { readTorchFile } from "./read.js";
import { findStateDict, withoutPrefixes } from "./state-dict.js";
import { storedTensor } from "./storages.js";
import type { StoredTensor } from "./tensor.js";

/** A file's tensors by the names that the network gives them. */
export interface StateFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Of safetensors; empty of other files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What was chosen, for the user. */
  readonly notes: readonly string[];
}

/** The largest file that Node reads in one piece. */
const MAX_SAFETENSORS_BYTES = 2 ** 31 - 1;

/**
 * Reads a file by its contents, whatever its name.
 *
 * @throws ERR_WEIGHTS_MISSING there is no such file; ERR_SAFETENSORS, ERR_TORCH_FILE it cannot be read
 */
export async function readStateFile(path: string): Promise<StateFile> {
  if (!isSafetensors(path)) {
    const { value, locations } = await readTorchFile(path);
    const { tensors, notes } = findStateDict(value, path);
    const stored = Array.from(tensors, ([name, tensor]) => [name, storedTensor(path, tensor, locations)] as const);
    return { tensors: new Map(stored), metadata: {}, notes };
  }
  const { size } = statSync(path);
  if (size > MAX_SAFETENSORS_BYTES) {
    throw new UsageError(
      "ERR_SAFETENSORS",
      `${path}: must have at most ${MAX_SAFETENSORS_BYTES} bytes, which every network here fits in; has ${size}.`,
    );
  }
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
  const stored = Array.from(tensors, ([name, { dtype, shape, data }]): [string, StoredTensor] => {
    return [name, { dtype, shape, read: () => data }];
  });
  return { tensors: withoutPrefixes(new Map(stored)), metadata, notes: [] };
}

/** By the brace that its header begins with, or by its name: a damaged file should be called what it was meant to be. */
export function isSafetensors(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return false;
  if (path.endsWith(".safetensors")) return true;
  return found.size > 8 && readRange(path, 8, 1)[0] === 0x7b;
}
