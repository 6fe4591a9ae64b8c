import type { PickleValue } from "./pickle-globals.js";
import type { StorageLocation } from "./storages.js";

/** What a file holds: its object, and where the storages of its tensors lie. */
export interface TorchFile {
  readonly value: PickleValue;
  readonly locations: ReadonlyMap<string, StorageLocation>;
}
