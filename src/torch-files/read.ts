/** Reads any file that torch.save wrote, in either format. */

import { statSync } from "node:fs";
import { UsageError } from "../errors.js";
import { readRange, refuseTorchFile } from "./file-range.js";
import { LEGACY_START, readLegacyFile } from "./legacy-file.js";
import type { TorchFile } from "./torch-file.js";
import { readZipFile } from "./zip-file.js";

/** Enough bytes to recognise the format. */
const START_BYTES = 262;
/** Position of the format's name in a tar archive. */
const TAR_POSITION = 257;

/**
 * Reads a file of torch.save: its object as maps, lists, numbers and tensors. The elements of the tensors are not read yet.
 *
 * @throws ERR_WEIGHTS_MISSING the file does not exist; ERR_TORCH_FILE it is another file, damaged, or contains more than
 *   tensors in plain containers
 */
export async function readTorchFile(path: string): Promise<TorchFile> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new UsageError("ERR_WEIGHTS_MISSING", `there is no weights file ${path}. Check the path`);
  }
  const start = found.isFile() ? readRange(path, 0, Math.min(found.size, START_BYTES)) : new Uint8Array();
  if (startsWith(start, LEGACY_START)) return readLegacyFile(path);
  if (startsWith(start, Buffer.from("PK\x03\x04", "latin1"))) return readZipFile(path);
  const what = whatItIs(start);
  return refuseTorchFile(path, `must be a safetensors file or one that torch.save wrote; ${what}.`);
}

const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean => start.every((byte, i) => bytes[i] === byte);

/** The format of another file, for the message. */
function whatItIs(start: Uint8Array): string {
  const text = Buffer.from(start).toString("latin1");
  if (start.length === 0) return "it is empty";
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    return "it is a web page: the address is that of a page, not of the file";
  if (text.startsWith("version https://git-lfs"))
    return "it is a pointer of Git LFS, not the file: get the file itself";
  if (text.slice(TAR_POSITION).startsWith("ustar")) return "it is a tar archive: unpack it first";
  if (text.startsWith("\x1f\x8b")) return "it is compressed by gzip: unpack it first";
  if (text.startsWith("\x89HDF")) return "it is an HDF5 file, as Keras writes them";
  if (start[0] === 0x80 && start[1] >= 2 && start[1] <= 5) return "it is another pickle of Python";
  return "it is neither";
}
