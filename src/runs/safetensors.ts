/**
 * The safetensors format (https://github.com/huggingface/safetensors): 8 bytes with the length N of the header as a
 * little-endian integer, N bytes of JSON padded with spaces, then the tensors' bytes, little-endian and row-major,
 * without holes.
 */

import { UsageError } from "../errors.js";

/** Bytes per element of each supported dtype. This library writes only the first six. */
export const ELEMENT_BYTES = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  BF16: 2,
  U8: 1,
  U64: 8,
  U32: 4,
  F16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  BOOL: 1,
} as const;

/** dtype by its name in the format. */
export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

/** A tensor in the encoding of a file. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly data: Uint8Array;
}

/**
 * Limits damage by a wrong length, and headers that would take minutes and gigabytes to parse. The usual size is some
 * hundred bytes per tensor. The limit of the reference implementation is 100 MB.
 */
const MAX_HEADER_BYTES = 16_000_000;
const METADATA = "__metadata__";

/**
 * The bytes of a file in parts: the header, then the `data` of each tensor without a copy.
 *
 * Tensors with wider elements come first, so that every tensor is aligned to its element size. The header keeps the order of
 * the map and is padded to a multiple of 8.
 *
 * @throws UsageError ERR_SAFETENSORS where a tensor's bytes do not fit its shape and dtype, or its name is __metadata__
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  for (const [name, tensor] of tensors) {
    if (name === METADATA) fail("encodeSafetensors", `a tensor must not be named ${METADATA}`);
    const expected = tensorBytes(tensor.shape, tensor.dtype);
    if (tensor.data.byteLength !== expected) {
      fail(
        "encodeSafetensors",
        `tensor ${name}: shape [${tensor.shape}] of ${tensor.dtype} needs ${expected} bytes; got ${tensor.data.byteLength}`,
      );
    }
  }
  const placed = [...tensors].sort(([, a], [, b]) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype]);
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const [name, { data }] of placed) {
    offsets.set(name, [end, end + data.byteLength]);
    end += data.byteLength;
  }

  // Written by hand, since an object would reorder names that look like integers, and could not contain "__proto__".
  const entries = [...tensors].map(([name, { dtype, shape }]) => {
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets.get(name) })}`;
  });
  if (metadata !== undefined) entries.unshift(`"${METADATA}":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  return [header, ...placed.map(([, { data }]) => data)];
}

/**
 * Parses the bytes of a file. Everything is checked: the lengths, the JSON, its keys (no duplicates), every dtype, shape and
 * byte range, and that the ranges cover the data exactly.
 *
 * @param source the file's name, for messages
 * @returns tensors in the order of the header, whose data are views of `bytes`, and the metadata (empty if there is none)
 * @throws UsageError ERR_SAFETENSORS where the bytes do not follow the format
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  source = "safetensors data",
): { tensors: Map<string, SafetensorsTensor>; metadata: Record<string, string> } {
  const refuse = (rule: string): never => fail(source, `${rule}. The file is damaged or not safetensors`);
  if (bytes.length < 8) refuse(`must start with an 8-byte header length; has ${bytes.length} bytes`);
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, bytes.length - 8))) {
    refuse(
      `header length must fit in the ${bytes.length} bytes of the file and in ${MAX_HEADER_BYTES}; got ${headerBytes}`,
    );
  }
  const dataStart = 8 + Number(headerBytes);
  if (bytes[8] !== 0x7b || dataStart === 8) refuse("the header must start with {");
  const header = parseHeader(bytes.subarray(8, dataStart), refuse);
  const data = bytes.subarray(dataStart);

  const tensors = new Map<string, SafetensorsTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of header) {
    if (name === METADATA) {
      metadata = isStringMap(entry) ? entry : refuse(`${METADATA} must map strings to strings`);
      continue;
    }
    if (!isObject(entry)) return refuse(`tensor ${name} must be described by an object`);
    const { dtype, shape, data_offsets: offsets } = entry;
    if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
      return fail(
        source,
        `tensor ${name}: dtype must be one of ${Object.keys(ELEMENT_BYTES).join(", ")}; got ${JSON.stringify(dtype)}`,
      );
    }
    if (!isIndexArray(shape)) return refuse(`tensor ${name}: shape must be non-negative integers`);
    if (!isIndexArray(offsets) || offsets.length !== 2)
      return refuse(`tensor ${name}: data_offsets must be two integers`);
    const [begin, end] = offsets;
    if (begin > end || end > data.length) {
      refuse(
        `tensor ${name}: data_offsets must be ascending and within the ${data.length} bytes of data; got [${offsets}]`,
      );
    }
    const expected = tensorBytes(shape, dtype as SafetensorsDtype);
    if (end - begin !== expected) {
      refuse(`tensor ${name}: shape [${shape}] of ${dtype} needs ${expected} bytes; data_offsets give ${end - begin}`);
    }
    tensors.set(name, { dtype: dtype as SafetensorsDtype, shape, data: data.subarray(begin, end) });
    ranges.push({ name, begin, end });
  }

  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of ranges) {
    if (begin > covered) refuse(`bytes ${covered} to ${begin} of the data, before tensor ${name}, belong to no tensor`);
    if (begin < covered) refuse(`tensor ${name} overlaps the tensor before it`);
    covered = end;
  }
  if (covered !== data.length) refuse(`the last ${data.length - covered} bytes of the data belong to no tensor`);
  return { tensors, metadata };
}

/** The entries of the header in order, as a list and not an object, so that names like "__proto__" are safe. */
function parseHeader(bytes: Uint8Array, refuse: (rule: string) => never): [string, unknown][] {
  let text: string;
  let header: object;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    return refuse(`the header must be JSON in UTF-8 (${(error as Error).message})`);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) refuse(`the key ${JSON.stringify(duplicate)} must not occur twice in the header`);
  return Object.entries(header);
}

/** A key that occurs twice in one object of valid JSON text. JSON.parse would silently keep the last one. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  let lastString = "";
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (token === ":") {
      const key: string = JSON.parse(lastString);
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    } else lastString = token;
  }
  return undefined;
}

function tensorBytes(shape: readonly number[], dtype: SafetensorsDtype): number {
  return shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((entry) => typeof entry === "string");
}

function isIndexArray(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

function fail(what: string, rule: string): never {
  throw new UsageError("ERR_SAFETENSORS", `${what}: ${rule}.`);
}
