import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeSafetensors,
  ELEMENT_BYTES,
  encodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from "../../src/runs/safetensors.js";
import { codedError } from "../support/errors.js";

const tensor: fc.Arbitrary<SafetensorsTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(ELEMENT_BYTES) as SafetensorsDtype[])),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const length = shape.reduce((product, size) => product * size, ELEMENT_BYTES[dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ dtype, shape, data }));
  });
const name = fc
  .oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "constructor", "7", "0", "", 'a"b\\', "layer1.0.bn1.aux_bn.0.weight"),
  )
  .filter((text) => text !== "__metadata__");
const tensors = fc.array(fc.tuple(name, tensor), { maxLength: 8 }).map((entries) => new Map(entries));

function join(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** A file with a header that is written by hand. */
function file(header: string, data: readonly number[] = []): Uint8Array {
  const json = new TextEncoder().encode(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, json.length, true);
  return Uint8Array.from([...length, ...json, ...data]);
}

describe("encodeSafetensors", () => {
  test("writes the bytes that the format describes", () => {
    const data = new Uint8Array(Float32Array.of(1, -2).buffer);
    const pieces = encodeSafetensors(new Map([["w", { dtype: "F32", shape: [2, 1], data }]]), { format: "pt" });
    const json = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}';
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8, " ");
    expect(join(pieces)).toEqual(file(padded, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
    expect(pieces[1]).toBe(data);
  });

  test("round trips exactly, in order, and aligns every tensor to its element", () => {
    fc.assert(
      fc.property(
        tensors,
        fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined }),
        (original, metadata) => {
          const pieces = encodeSafetensors(original, metadata);
          const bytes = join(pieces);
          const decoded = decodeSafetensors(bytes);
          expect([...decoded.tensors.keys()].sort()).toEqual([...original.keys()].sort());
          for (const [key, { dtype, shape, data }] of original) {
            const found = decoded.tensors.get(key)!;
            expect([found.dtype, found.shape, found.data]).toEqual([dtype, shape, data]);
            expect(found.data.byteOffset % ELEMENT_BYTES[dtype]).toBe(0);
          }
          expect({ ...decoded.metadata }).toEqual({ ...metadata });
          expect(pieces[0].length % 8).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("refuses bytes that do not fit the shape, and the reserved name", () => {
    const data = new Uint8Array(7);
    const error = codedError(() => encodeSafetensors(new Map([["w", { dtype: "F32", shape: [2], data }]])));
    expect(error.code).toBe("ERR_SAFETENSORS");
    expect(error.message).toContain("tensor w: shape [2] of F32 needs 8 bytes; got 7");
    const scalar: SafetensorsTensor = { dtype: "U8", shape: [], data: new Uint8Array(1) };
    expect(codedError(() => encodeSafetensors(new Map([["__metadata__", scalar]]))).code).toBe("ERR_SAFETENSORS");
  });
});

describe("decodeSafetensors refuses", () => {
  const entry = (dtype: string, shape: string, offsets: string) =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  const good = entry("U8", "[2]", "[0,2]");

  test("accepts the good file from which the bad ones are made", () => {
    expect(decodeSafetensors(file(`{"a":${good}}  `, [1, 2])).tensors.get("a")?.data).toEqual(Uint8Array.of(1, 2));
    expect(decodeSafetensors(file("{}")).tensors.size).toBe(0);
  });

  test.each([
    ["a header that does not start with {", file(` {"a":${good}}`, [1, 2]), "must start with {"],
    ["an empty header", file("", [0x7b]), "must start with {"],
    ["no JSON", file('{"a":', [1, 2]), "must be JSON"],
    ["bytes that are not UTF-8", file("{}", []).fill(0xff, 9, 10), "must be JSON in UTF-8"],
    ["a name twice", file(`{"a":${good},"\\u0061":${good}}`, [1, 2]), '"a" must not occur twice'],
    ["a field twice", file('{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}', [1, 2]), "twice"],
    ["metadata twice", file('{"__metadata__":{},"__metadata__":{}}'), "twice"],
    ["metadata that is no text", file('{"__metadata__":{"a":1}}'), "strings to strings"],
    ["an unknown dtype", file(`{"a":${entry("F8_E4M3", "[2]", "[0,2]")}}`, [1, 2]), 'got "F8_E4M3"'],
    ["a dtype from the prototype", file(`{"a":${entry("toString", "[1]", "[0,2]")}}`, [1, 2]), "dtype must be"],
    ["an entry that is a list", file('{"a":[1]}'), "described by an object"],
    ["a negative size", file(`{"a":${entry("U8", "[-1,-2]", "[0,2]")}}`, [1, 2]), "non-negative integers"],
    ["a fractional size", file(`{"a":${entry("U8", "[0.5,4]", "[0,2]")}}`, [1, 2]), "non-negative integers"],
    ["a shape beyond its range", file(`{"a":${entry("U8", "[3]", "[0,2]")}}`, [1, 2]), "needs 3 bytes"],
    ["a huge shape", file(`{"a":${entry("U8", "[4503599627370496,4503599627370496]", "[0,2]")}}`, [1, 2]), "needs"],
    ["a range past the end", file(`{"a":${entry("U8", "[3]", "[0,3]")}}`, [1, 2]), "within the 2 bytes"],
    ["a range backwards", file(`{"a":${entry("U8", "[0]", "[2,1]")}}`, [1, 2]), "must be ascending"],
    ["three offsets", file(`{"a":${entry("U8", "[2]", "[0,2,2]")}}`, [1, 2]), "two integers"],
    ["a hole", file(`{"a":${entry("U8", "[1]", "[0,1]")},"b":${entry("U8", "[1]", "[2,3]")}}`, [1, 2, 3]), "no tensor"],
    ["a hole in front", file(`{"a":${entry("U8", "[1]", "[1,2]")}}`, [1, 2]), "bytes 0 to 1"],
    ["an overlap", file(`{"a":${good},"b":${entry("U8", "[2]", "[1,3]")}}`, [1, 2, 3]), "overlaps"],
    ["the same range twice", file(`{"a":${good},"b":${good}}`, [1, 2]), "overlaps"],
    ["bytes after the last tensor", file(`{"a":${good}}`, [1, 2, 3]), "last 1 bytes"],
  ])("%s", (_, bytes, message) => {
    const error = codedError(() => decodeSafetensors(bytes, "w.safetensors"));
    expect(error.code).toBe("ERR_SAFETENSORS");
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^w\.safetensors: /);
  });

  test("every file that is truncated or extended", () => {
    fc.assert(
      fc.property(tensors, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (original, cut, more) => {
        const bytes = join(encodeSafetensors(original));
        const shorter = bytes.subarray(0, cut % bytes.length);
        expect(codedError(() => decodeSafetensors(shorter)).code).toBe("ERR_SAFETENSORS");
        expect(codedError(() => decodeSafetensors(join([bytes, more]))).code).toBe("ERR_SAFETENSORS");
      }),
    );
  });

  test("or reads a file with changed header bytes, without any other error or read outside of it", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(tensors, changes, (original, edits) => {
        const pieces = encodeSafetensors(original);
        const bytes = join(pieces);
        for (const [at, value] of edits) bytes[at % pieces[0].length] = value;
        try {
          const total = [...decodeSafetensors(bytes).tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_SAFETENSORS" });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
