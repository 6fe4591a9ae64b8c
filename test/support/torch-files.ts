/** Files in the form of torch.save, written by hand, so that a test can make them wrong. */

/** An entry of an archive; compression and sizes may be claimed that are not true. */
export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly uncompressedSize?: number;
  /** Where the directory says that the entry begins, instead of where it does. */
  readonly claimedStart?: number;
}

/** A zip archive (APPNOTE.TXT, 4.3) of entries that are stored as they are. */
export function zipArchive(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const { name, data, method = 0, uncompressedSize = data.length, claimedStart } of entries) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(uncompressedSize, 18);
    fields.writeUInt16LE(name.length, 22);
    const path = Buffer.from(name);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), fields, path, Buffer.from(data));
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(claimedStart ?? position, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, rest, path);
    position += 30 + path.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(position, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06", "latin1"), end]);
}

/** A file of torch.save with a pickle and storages. */
export const torchArchive = (pickle: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array =>
  zipArchive([
    { name: "archive/data.pkl", data: pickle },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
  ]);

/** Pickles of protocol 2, piece by piece. */
export const pickled = {
  start: Buffer.from([0x80, 0x02]),
  stop: Buffer.from("."),
  mark: Buffer.from("("),
  tuple: Buffer.from("t"),
  reduce: Buffer.from("R"),
  none: Buffer.from("N"),
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  integer: (value: number) => {
    const bytes = Buffer.alloc(5, "J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  },
  long: (value: bigint) => {
    const bytes = Buffer.alloc(10);
    bytes.set([0x8a, 8]);
    bytes.writeBigInt64LE(value, 2);
    return bytes;
  },
  text: (value: string) => {
    const head = Buffer.alloc(5, "X");
    head.writeUInt32LE(Buffer.byteLength(value), 1);
    return Buffer.concat([head, Buffer.from(value)]);
  },
  tupleOf: (...items: readonly Buffer[]) => Buffer.concat([pickled.mark, ...items, pickled.tuple]),
  call: (module: string, name: string, ...args: readonly Buffer[]) =>
    Buffer.concat([pickled.global(module, name), pickled.tupleOf(...args), pickled.reduce]),
  /** A dictionary from text. */
  dictionary: (entries: Readonly<Record<string, Buffer>>) =>
    Buffer.concat([
      Buffer.from("}("),
      ...Object.entries(entries).flatMap(([name, value]) => [pickled.text(name), value]),
      Buffer.from("u"),
    ]),
  file: (value: Buffer) => Buffer.concat([pickled.start, value, pickled.stop]),
};

/** A tensor as torch.save describes it. */
export interface PickledTensor {
  readonly type?: string;
  readonly key: string;
  readonly elements: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
}

export function pickledTensor({
  type = "FloatStorage",
  key,
  elements,
  offset = 0,
  shape,
  strides,
}: PickledTensor): Buffer {
  const { text, integer, tupleOf, global, call } = pickled;
  const number = (value: number) => (Math.abs(value) < 2 ** 31 ? integer(value) : pickled.long(BigInt(value)));
  const rowMajor = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
  const id = tupleOf(text("storage"), global("torch", type), text(key), text("cpu"), number(elements));
  return call(
    "torch._utils",
    "_rebuild_tensor_v2",
    Buffer.concat([id, Buffer.from("Q")]),
    number(offset),
    tupleOf(...shape.map(number)),
    tupleOf(...(strides ?? rowMajor).map(number)),
    Buffer.from([0x89]),
    call("collections", "OrderedDict"),
  );
}

/** A state dict of float32 tensors that torch.save might have written, each in a storage of its own. */
export function torchState(tensors: Readonly<Record<string, { shape: readonly number[]; values: Float32Array }>>): {
  readonly pickle: Buffer;
  readonly storages: Record<string, Uint8Array>;
} {
  const entries = Object.entries(tensors);
  const storages = Object.fromEntries(
    entries.map(([, { values }], i) => [
      String(i),
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ]),
  );
  const described = entries.map(([name, { shape, values }], i): [string, Buffer] => {
    return [name, pickledTensor({ key: String(i), elements: values.length, shape })];
  });
  return { pickle: pickled.dictionary(Object.fromEntries(described)), storages };
}
