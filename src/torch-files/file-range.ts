/** Parts of a file, read when they are wanted: a checkpoint holds more than its weights. */
import { closeSync, openSync, readSync } from "node:fs";
import { UsageError } from "../errors.js";

/** Every refusal of a file that torch.save wrote, or should have written. */
export const refuseTorchFile = (source: string, rule: string): never => {
  throw new UsageError("ERR_TORCH_FILE", `${source}: ${rule}`);
};

/** `length` bytes of a file from `position` on. @throws ERR_TORCH_FILE the file cannot be read, or ends before */
export function readRange(path: string, position: number, length: number): Uint8Array {
  const descriptor = open(path);
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(descriptor, bytes, done, length - done, position + done);
      if (count === 0) {
        return refuseTorchFile(path, `ends ${length - done} bytes too early. It is cut off: get it again.`);
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
