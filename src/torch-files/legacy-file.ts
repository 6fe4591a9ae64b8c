/**
 * Reads files of torch.save before PyTorch 1.6, or with `_use_new_zipfile_serialization=False`. They have five pickles (a
 * magic number, the version of the protocol, the byte order of the writer, the object, the names of the storages). For each
 * storage its number of elements (8 bytes) and its elements follow.
 *
 * Source: `_legacy_save` in torch/serialization.py, https://github.com/pytorch/pytorch.
 */
import { statSync } from "node:fs";
import { readRange, refuseTorchFile } from "./file-range.js";
import { MAX_PICKLE_BYTES, unpickle } from "./pickle.js";
import type { PickleValue } from "./pickle-globals.js";
import { type StorageLocation, Storages, storageBytes } from "./storages.js";
import type { TorchFile } from "./torch-file.js";

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;

/** The first bytes of such a file: protocol 2, and the magic number as a long integer of ten bytes. */
export const LEGACY_START = Uint8Array.of(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9);

/** @throws ERR_TORCH_FILE */
export function readLegacyFile(path: string): TorchFile {
  const { size } = statSync(path);
  const head = readRange(path, 0, Math.min(size, MAX_PICKLE_BYTES));
  const storages = new Storages();
  let start = 0;
  const next = (persistent?: (id: PickleValue) => PickleValue): PickleValue => {
    const { value, end } = unpickle(head, { source: path, start, persistent });
    start = end;
    return value;
  };
  if (next() !== MAGIC_NUMBER) return refuseTorchFile(path, "does not have the magic number of torch.save.");
  const version = next();
  if (version !== PROTOCOL_VERSION) {
    return refuseTorchFile(path, `must be of version ${PROTOCOL_VERSION} of torch.save's old form; got ${version}.`);
  }
  const system = next();
  if (!(system instanceof Map) || system.get("little_endian") !== true) {
    return refuseTorchFile(path, "was written on a big-endian machine, which is not supported.");
  }
  const value = next(storages.persistent);
  const keys = next();
  if (!Array.isArray(keys)) return refuseTorchFile(path, "has no list of storages. The file is damaged.");

  const locations = new Map<string, StorageLocation>();
  let position = start;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || locations.has(storage.key)) {
      return refuseTorchFile(path, "lists a storage twice, or one that nothing refers to. The file is damaged.");
    }
    const elements = new DataView(readRange(path, position, 8).buffer).getBigInt64(0, true);
    if (elements !== BigInt(storage.wholeElements)) {
      return refuseTorchFile(
        path,
        `storage ${storage.key} must have ${storage.wholeElements} elements, as its tensors say; got ${elements}. The file is damaged.`,
      );
    }
    position += 8;
    const bytes = storageBytes(storage);
    if (position + bytes > size) {
      const missing = position + bytes - size;
      return refuseTorchFile(path, `ends ${missing} bytes too early. It is truncated: get it again.`);
    }
    locations.set(storage.key, { position, bytes });
    position += bytes;
  }
  return { value, locations };
}
