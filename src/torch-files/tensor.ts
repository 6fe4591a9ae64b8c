/** Tensors as torch.save describes them: views of a storage with an offset and strides. */
import type { SafetensorsDtype } from "../runs/safetensors.js";

/** A flat array of elements in the file. Several tensors can share it. */
export interface TorchStorage {
  readonly kind: "storage";
  /** Its name in the file. */
  readonly key: string;
  readonly dtype: SafetensorsDtype;
  /** Number of elements. */
  readonly elements: number;
  /** For a storage that is a part of another one, its first element there; otherwise 0. */
  readonly start: number;
  /** Number of elements of the whole storage `key` in the file. */
  readonly wholeElements: number;
}

/** Element (i, j, ...) is at offset + i strides[0] + j strides[1] + ... of the storage. */
export interface TorchTensor {
  readonly kind: "tensor";
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A tensor whose elements are read when they are needed. */
export interface StoredTensor {
  readonly dtype: SafetensorsDtype;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  read(): Uint8Array;
}

/** No tensor of an image classifier has more elements. */
const MAX_ELEMENTS = 2 ** 28;

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Number of elements of the storage from a tensor's first to its last element, both included. */
export const elementSpan = ({ shape, strides }: Pick<TorchTensor, "shape" | "strides">): number =>
  count(shape) === 0 ? 0 : shape.reduce((index, size, i) => index + (size - 1) * strides[i], 1);

/** What is wrong with a tensor's geometry; undefined where all of its elements are within its storage. */
export function geometryFault({ storage, offset, shape, strides }: TorchTensor): string | undefined {
  if (shape.length !== strides.length) return `has ${shape.length} sizes and ${strides.length} strides`;
  const elements = count(shape);
  if (elements === 0) return undefined;
  if (elements > MAX_ELEMENTS) return `of shape [${shape}] has ${elements} elements, more than ${MAX_ELEMENTS}`;
  const last = offset + elementSpan({ shape, strides }) - 1;
  if (last < storage.elements) return undefined;
  return `of shape [${shape}], offset ${offset} and strides [${strides}] reaches element ${last} of storage ${storage.key}, which has ${storage.elements}`;
}

/** The elements of a tensor in row-major order, from its storage's bytes. */
export function gather({ offset, shape, strides }: TorchTensor, storage: Uint8Array, elementBytes: number): Uint8Array {
  const elements = count(shape);
  // Trailing dimensions that are contiguous are copied together.
  let inner = shape.length;
  let run = 1;
  while (inner > 0 && (strides[inner - 1] === run || shape[inner - 1] === 1)) run *= shape[--inner];
  if (inner === 0) return storage.slice(offset * elementBytes, (offset + elements) * elementBytes);

  const result = new Uint8Array(elements * elementBytes);
  const index = new Array<number>(inner).fill(0);
  const piece = run * elementBytes;
  let from = offset;
  for (let to = 0; to < result.length; to += piece) {
    result.set(storage.subarray(from * elementBytes, from * elementBytes + piece), to);
    for (let axis = inner - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return result;
}
