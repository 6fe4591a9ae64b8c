/**
 * NumPy's array files (.npy, format versions 1 to 3, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
 * what CIFAR-10-C is published as. Only whole numbers in C order are read; pickled objects never are.
 */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UsageError } from "../../errors.js";

const MAGIC = "\x93NUMPY";

/** The element types that are read, by NumPy's names; those of more than one byte are little-endian. */
const BYTES = { "|u1": 1, "|i1": 1, "<i2": 2, "<u2": 2, "<i4": 4, "<u4": 4, "<i8": 8, "<u8": 8 } as const;
type NpyType = keyof typeof BYTES;

/** An array on disk, of which parts can be read. */
export interface NpyFile {
  readonly path: string;
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Where its first element lies, in bytes. */
  readonly offset: number;
}

/**
 * Reads the header of an array, and checks that the file has the size that it says.
 *
 * @throws UsageError ERR_NPY where the file is missing, is no array, is cut short, or holds other elements than whole numbers
 */
export function openNpy(path: string): NpyFile {
  return withFile(path, (descriptor, size) => {
    const start = readBytes(descriptor, path, 0, Math.min(size, 12));
    if (start.length < 12 || start.toString("latin1", 0, 6) !== MAGIC)
      throw wrong(path, "it does not begin as an array does");
    const version = start[6];
    if (version < 1 || version > 3) throw wrong(path, `its format version is ${version}; versions 1 to 3 are read`);
    const [from, length] = version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
    if (from + length > size) throw wrong(path, "it is cut short in its header");
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

/** The three fields of a header, which is written as a Python dictionary. */
function parseHeader(path: string, header: string): { type: NpyType; shape: number[] } {
  const field = (name: string, value: string): string | undefined =>
    new RegExp(`['"]${name}['"]\\s*:\\s*${value}`).exec(header)?.[1];
  const type = field("descr", "['\"]([^'\"]+)['\"]");
  const order = field("fortran_order", "(True|False)");
  const shape = field("shape", "\\(([\\d\\s,]*)\\)");
  if (type === undefined || order === undefined || shape === undefined)
    throw wrong(path, `its header is ${header.trim()}`);
  if (!Object.hasOwn(BYTES, type)) {
    throw wrong(path, `its elements are of type ${type}; ${Object.keys(BYTES).join(", ")} are read`);
  }
  if (order === "True") throw wrong(path, "it is in Fortran's order; save it in C order (numpy.ascontiguousarray)");
  const sizes = shape
    .split(",")
    .map((n) => n.trim())
    .filter((n) => n !== "")
    .map(Number);
  return { type: type as NpyType, shape: sizes };
}

/**
 * Reads `count` elements of bytes from element `first` on.
 *
 * @throws UsageError ERR_NPY where the elements are no bytes, or the file has changed meanwhile
 */
export function readNpyBytes({ path, type, offset }: NpyFile, first: number, count: number): Uint8Array {
  if (type !== "|u1") throw wrong(path, `its elements must be of type |u1, bytes; they are ${type}`);
  return withFile(path, (descriptor) => readBytes(descriptor, path, offset + first, count));
}

/**
 * Reads a whole array of whole numbers, such as labels.
 *
 * @throws UsageError ERR_NPY where a number does not fit into 32 bits
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
    if (value !== (value | 0)) throw wrong(path, `its numbers must fit into 32 bits; number ${i} is ${value}`);
    return value;
  });
}

/** The bytes before the elements of an array in a file of format version 1, a multiple of 64 long as NumPy asks. */
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
    if (got === 0) throw wrong(path, "it is cut short");
    done += got;
  }
  return bytes;
}

function wrong(path: string, rule: string, cause?: unknown): UsageError {
  return new UsageError("ERR_NPY", `cannot read ${path} as a NumPy array: ${rule}. Write or download it again.`, {
    cause,
  });
}
