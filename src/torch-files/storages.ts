/** Resolves the persistent identifiers of a pickle to storages, and reads tensors from the storages. */
import { ELEMENT_BYTES } from "../runs/safetensors.js";
import { readRange, refuseTorchFile } from "./file-range.js";
import { isIndex, PickleArgumentError, type PickleGlobal, type PickleValue } from "./pickle-globals.js";
import { elementSpan, gather, type StoredTensor, type TorchStorage, type TorchTensor } from "./tensor.js";

/** Position and size of a storage in a file. */
export interface StorageLocation {
  readonly position: number;
  readonly bytes: number;
}

/** Collects the storages that a pickle refers to. */
export class Storages {
  readonly #byKey = new Map<string, TorchStorage>();

  get all(): Iterable<TorchStorage> {
    return this.#byKey.values();
  }

  get(key: string): TorchStorage | undefined {
    return this.#byKey.get(key);
  }

  /**
   * The storage of ("storage", type, key, device, number of elements). In files of the old format a view of a part of it can
   * follow: (key of the part, first element, number of elements), or None.
   */
  readonly persistent = (id: PickleValue): PickleValue => {
    if (!Array.isArray(id) || id[0] !== "storage") {
      throw new PickleArgumentError("has a persistent identifier that is not a storage");
    }
    const [, type, key, , elements, part = null] = id;
    const dtype = isGlobal(type) ? type.dtype : undefined;
    if (dtype === undefined) throw new PickleArgumentError("has a storage of an unsupported type");
    if (typeof key !== "string" || !isIndex(elements)) {
      throw new PickleArgumentError("has a storage without a name or a number of elements");
    }
    const whole = { kind: "storage", key, dtype, elements, start: 0, wholeElements: elements } as const;
    const known = this.#byKey.get(key);
    if (known !== undefined && (known.dtype !== dtype || known.wholeElements !== elements)) {
      throw new PickleArgumentError(`describes storage ${key} twice with different types or sizes`);
    }
    if (known === undefined) this.#byKey.set(key, whole);
    if (part === null) return known ?? whole;
    const [, start, length] = Array.isArray(part) ? part : [];
    if (!isIndex(start) || !isIndex(length) || start + length > elements) {
      throw new PickleArgumentError(`takes a part of storage ${key} that is not within its ${elements} elements`);
    }
    return { ...whole, start, elements: length };
  };
}

const isGlobal = (value: PickleValue | undefined): value is PickleGlobal =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "global";

/** Size of a storage in the file in bytes. */
export const storageBytes = ({ dtype, wholeElements }: TorchStorage): number => wholeElements * ELEMENT_BYTES[dtype];

/** A tensor whose elements are read from the file when they are needed. */
export function storedTensor(
  path: string,
  tensor: TorchTensor,
  locations: ReadonlyMap<string, StorageLocation>,
): StoredTensor {
  const { storage, shape } = tensor;
  const location = locations.get(storage.key);
  if (location === undefined) return refuseTorchFile(path, `has no storage ${storage.key}. The file is damaged.`);
  const elementBytes = ELEMENT_BYTES[storage.dtype];
  return {
    dtype: storage.dtype,
    shape,
    read: () => {
      // Reads only the tensor's own range, since several tensors can share a storage.
      const position = location.position + (storage.start + tensor.offset) * elementBytes;
      const part = readRange(path, position, elementSpan(tensor) * elementBytes);
      return gather({ ...tensor, offset: 0 }, part, elementBytes);
    },
  };
}
