/** Reads the metadata of an ONNX file, because the JavaScript API of onnxruntime does not give it. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Fields of the messages, from onnx/onnx.proto. */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** Wire types of protocol buffers that a model file uses. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Reads `metadata_props` of a model. The graph is skipped, so large files are fast too. For a file that is not ONNX it returns what
 * it could read; the runtime refuses such a file later with its own message.
 */
export function readOnnxMetadata(path: string): ReadonlyMap<string, string> {
  const file = openSync(path, "r");
  try {
    const entries = new Map<string, string>();
    for (const { field, read } of fieldsOf(file, 0, fstatSync(file).size)) {
      if (field !== METADATA_PROPS) continue;
      const entry = read();
      const parts = new Map([...fieldsOf(entry, 0, entry.length)].map((part) => [part.field, part.read().toString()]));
      entries.set(parts.get(KEY) ?? "", parts.get(VALUE) ?? "");
    }
    return entries;
  } finally {
    closeSync(file);
  }
}

interface Field {
  readonly field: number;
  /** Its bytes. */
  read(): Buffer;
}

/** The fields of a message that hold bytes; the others are skipped. */
function* fieldsOf(source: number | Buffer, start: number, end: number): Generator<Field> {
  const bytes = (from: number, length: number): Buffer => {
    if (typeof source !== "number") return source.subarray(from, from + length);
    const buffer = Buffer.alloc(Math.min(length, end - from));
    return buffer.subarray(0, readSync(source, buffer, 0, buffer.length, from));
  };
  let position = start;
  const varint = (): number => {
    const window = bytes(position, 10);
    let value = 0;
    for (let i = 0; i < window.length; i++) {
      value += (window[i] & 0x7f) * 2 ** (7 * i);
      if (window[i] < 0x80) {
        position += i + 1;
        return value;
      }
    }
    position = end;
    return 0;
  };
  while (position < end) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === VARINT) varint();
    else if (wire === FIXED64) position += 8;
    else if (wire === FIXED32) position += 4;
    else if (wire === BYTES) {
      const length = varint();
      const from = position;
      if (from + length > end) return;
      position += length;
      yield { field, read: () => bytes(from, length) };
    } else return;
  }
}
