/**
 * NumPy's array files (.npy, format versions 1 to 3, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html),
 * the format of CIFAR-10-C. Only integers in C order are read, never pickled objects.
 */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UsageError } from "../../errors.js";

const MAGIC = "\x93NUMPY";

/** The supported element types by NumPy's names. Those of more than one byte are little-endian. */
const BYTES = { "|u1": 1, "|i1": 1, "<i2": 2, "<u2": 2, "<i4": 4, "<u4": 4, "<i8": 8, "<u8": 8 } as const;
type NpyType = keyof typeof BYTES;

/** An array on disk that can be read in parts. */
export interface NpyFile {
  readonly path: string;
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Offset of its first element in bytes. */
  readonly offset: number;
}

/**
 * Reads the header of an array and checks that the size of the file fits it.
 *
 * @throws UsageError ERR_NPY where the file is missing, truncated or no array, or its elements are not integers
 */
export function openNpy(path: string): NpyFile {
  return withFile(path, (descriptor, size) => {
    const start = readBytes(descriptor, path, 0, Math.min(size, 12));
    if (start.length < 12 || start.toString("latin1", 0, 6) !== MAGIC)
      throw wrong(path, "it does not begin with NumPy's magic bytes");
    const version = start[6];
    if (version < 1 || version > 3) throw wrong(path, `its format version is ${version}; it must be from 1 to 3`);
    const [from, length] = version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
    if (from + length > size) throw wrong(path, "it is truncated in its header");
    const header = readBytes(descriptor, path, from, length).toString(version === 3 ? "utf8" : "latin1");
    const { type, shape } = parseHeader(path, header);
    const offset = from + length;
    const expected = offset + shape.reduce((product, n) => product * n, 1) * BYTES[type];
    if (size !== expected) {
      throw wrong(
        path,
        `an array of shape (${shape.join(", ")}) and type ${type} has ${expected} bytes; the file has ${size}`,
      );
    }
    return { path, type, shape, offset };
  });
}

/** The three fields of a header, which is a Python dictionary. */
function parseHeader(path: string, header: string): { type: NpyType; shape: number[] } {
  const field = (name: string, value: string): string | undefined =>
    new RegExp(`['"]${name}['"]\\s*:\\s*${value}`).exec(header)?.[1];
  const type = field("descr", "['\"]([^'\"]+)['\"]");
  const order = field("fortran_order", "(True|False)");
  const shape = field("shape", "\\(([\\d\\s,]*)\\)");
  if (type === undefined || order === undefined || shape === undefined)
    throw wrong(path, `its header is ${header.trim()}`);
  if (!Object.hasOwn(BYTES, type)) {
    throw wrong(path, `its elements have the type ${type}; the types ${Object.keys(BYTES).join(", ")} are supported`);
  }
  if (order === "True") throw wrong(path, "it is in Fortran order; save it in C order (numpy.ascontiguousarray)");
  const sizes = shape
    .split(",")
    .map((n) => n.trim())
    .filter((n) => n !== "")
    .map(Number);
  return { type: type as NpyType, shape: sizes };
}

/**
 * Reads `count` elements of bytes, from element `first` on.
 *
 * @throws UsageError ERR_NPY where the elements are not bytes, or the file was changed after it was opened
 */
export function readNpyBytes({ path, type, offset }: NpyFile, first: number, count: number): Uint8Array {
  if (type !== "|u1") throw wrong(path, `its elements must have the type |u1 (bytes); got ${type}`);
  return withFile(path, (descriptor) => readBytes(descriptor, path, offset + first, count));
}

/**
 * Reads a whole array of integers, such as labels.
 *
 * @throws UsageError ERR_NPY where a value does not fit into 32 bits
 */
export function readNpyIntegers({ path, type, shape, offset }: NpyFile): Int32Array {
  const count = shape.reduce((product, n) => product * n, 1);
  const bytes = withFile(path, (descriptor) => readBytes(descriptor, path, offset, count * BYTES[type]));
  const read: Record<NpyType, (at: number) => number> = {
    "|u1": (at) => bytes.readUInt8(at),
    "|i1": (at) => bytes.readInt8(at),
    "<i2": (at) => bytes.readInt16LE(at),
    "<u2": (at) => bytes.readUInt16LE(at),
    "<i4": (at) => bytes.readInt32LE(at),
    "<u4": (at) => bytes.readUInt32LE(at),
    "<i8": (at) => Number(bytes.readBigInt64LE(at)),
    "<u8": (at) => Number(bytes.readBigUInt64LE(at)),
  };
  return Int32Array.from({ length: count }, (_, i) => {
    const value = read[type](i * BYTES[type]);
    if (value !== (value | 0))
      throw wrong(path, `its values must fit into 32 bits; the value at index ${i} is ${value}`);
    return value;
  });
}

/** The header of an array, in format version 1. Its length is a multiple of 64, as NumPy requires. */
export function npyHeader(shape: readonly number[], type: NpyType = "|u1"): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, " ");
  header.write(MAGIC, "latin1");
  header.set([1, 0], 6);
  header.writeUInt16LE(length, 8);
  header.write(text, 10, "latin1");
  header[header.length - 1] = 10;
  return header;
}

function withFile<T>(path: string, use: (descriptor: number, size: number) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw wrong(path, (cause as Error).message, cause);
  }
  try {
    return use(descriptor, fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}

function readBytes(descriptor: number, path: string, from: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let done = 0; done < count; ) {
    const got = readSync(descriptor, bytes, done, count - done, from + done);
    if (got === 0) throw wrong(path, "it is truncated");
    done += got;
  }
  return bytes;
}

function wrong(path: string, rule: string, cause?: unknown): UsageError {
  return new UsageError("ERR_NPY", `cannot read ${path} as a NumPy array: ${rule}. Write or download it again.`, {
    cause,
  });
}
