/** The tensors of any weights file: safetensors, or a file of torch.save. */
import { readFileSync, statSync } from "node:fs";
import { UsageError } from "../errors.js";
import { decodeSafetensors } from "../runs/safetensors.js";
import { readRange } from "./file-range.js";
import { readTorchFile } from "./read.js";
import { findStateDict, withoutPrefixes } from "./state-dict.js";
import { storedTensor } from "./storages.js";
import type { StoredTensor } from "./tensor.js";

/** A file's tensors by their names in the network. */
export interface StateFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The metadata of a safetensors file; empty for other files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Notes for the user about choices between several sets of weights. */
  readonly notes: readonly string[];
}

/** The size of the largest file that Node reads in one call. */
const MAX_SAFETENSORS_BYTES = 2 ** 31 - 1;

/**
 * Reads a file in the format of its contents, whatever its name is.
 *
 * @throws ERR_WEIGHTS_MISSING the file does not exist; ERR_SAFETENSORS, ERR_TORCH_FILE it cannot be read
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
      `${path}: must have at most ${MAX_SAFETENSORS_BYTES} bytes, which is enough for every network here; got ${size}.`,
    );
  }
  const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
  const stored = Array.from(tensors, ([name, { dtype, shape, data }]): [string, StoredTensor] => {
    return [name, { dtype, shape, read: () => data }];
  });
  return { tensors: withoutPrefixes(new Map(stored)), metadata, notes: [] };
}

/**
 * Recognised by the brace that begins the header, or by the file's name, so that errors about a damaged file name the right
 * format.
 */
function isSafetensors(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return false;
  if (path.endsWith(".safetensors")) return true;
  return found.size > 8 && readRange(path, 8, 1)[0] === 0x7b;
}
