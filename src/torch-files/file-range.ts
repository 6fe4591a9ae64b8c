/** Reads parts of a file when they are needed, since a checkpoint contains more than weights. */
import { closeSync, openSync, readSync } from "node:fs";
import { UsageError } from "../errors.js";

/** Throws the error for a file that torch.save did not write, or that is damaged. */
export const refuseTorchFile = (source: string, rule: string): never => {
  throw new UsageError("ERR_TORCH_FILE", `${source}: ${rule}`);
};

/** `length` bytes of a file from `position` on. @throws ERR_TORCH_FILE the file cannot be read, or is too short */
export function readRange(path: string, position: number, length: number): Uint8Array {
  const descriptor = open(path);
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(descriptor, bytes, done, length - done, position + done);
      if (count === 0) {
        return refuseTorchFile(path, `ends ${length - done} bytes too early. It is truncated: get it again.`);
      }
      done += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    return refuseTorchFile(path, `cannot be read (${(error as Error).message}).`);
  }
}
