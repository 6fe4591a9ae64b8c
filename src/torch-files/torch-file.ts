import type { PickleValue } from "./pickle-globals.js";
import type { StorageLocation } from "./storages.js";

/** The contents of a file: its object, and the locations of its storages. */
export interface TorchFile {
  readonly value: PickleValue;
  readonly locations: ReadonlyMap<string, StorageLocation>;
}
