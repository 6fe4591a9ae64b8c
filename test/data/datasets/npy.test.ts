import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { npyHeader, openNpy, readNpyBytes, readNpyIntegers } from "../../../src/data/datasets/npy.js";
import { temporaryFolder } from "../../support/folders.js";

/** A NumPy file of version 1 or later, made of the text of its header and its elements. */
function npy(dictionary: string, elements: Uint8Array, version = 1): Buffer {
  const prefix = version === 1 ? 10 : 12;
  const length = Math.ceil((prefix + dictionary.length + 1) / 64) * 64 - prefix;
  const start = Buffer.alloc(prefix);
  start.write("\x93NUMPY", "latin1");
  start[6] = version;
  if (version === 1) start.writeUInt16LE(length, 8);
  else start.writeUInt32LE(length, 8);
  return Buffer.concat([start, Buffer.from(`${dictionary.padEnd(length - 1)}\n`), elements]);
}

function written(contents: Uint8Array): string {
  const path = join(temporaryFolder(), "array.npy");
  writeFileSync(path, contents);
  return path;
}

const dictionary = (type: string, shape: string, order = "False") =>
  `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe("npy", () => {
  test.each([1, 2, 3])("reads part of an array of bytes of format version %i", (version) => {
    const file = openNpy(written(npy(dictionary("|u1", "(2, 3)"), Uint8Array.of(1, 2, 3, 4, 5, 6), version)));
    expect(file.shape).toEqual([2, 3]);
    expect([...readNpyBytes(file, 3, 2)]).toEqual([4, 5]);
  });

  test.each([
    ["|i1", new Uint8Array(Int8Array.of(-3, 7).buffer)],
    ["<i2", new Uint8Array(Int16Array.of(-3, 7).buffer)],
    ["<i4", new Uint8Array(Int32Array.of(-3, 7).buffer)],
    ["<i8", new Uint8Array(BigInt64Array.of(-3n, 7n).buffer)],
  ])("reads whole numbers of type %s", (type, elements) => {
    expect([...readNpyIntegers(openNpy(written(npy(dictionary(type, "(2,)"), elements))))]).toEqual([-3, 7]);
  });

  test("reads a file whose header it has written; the header has a multiple of 64 bytes", () => {
    for (const shape of [[4], [50_000, 32, 32, 3], []]) {
      const header = npyHeader(shape);
      expect(header.length % 64).toBe(0);
      const path = written(header);
      const expected = shape.reduce((product, n) => product * n, 1);
      writeFileSync(path, Buffer.concat([header, new Uint8Array(expected)]));
      expect(openNpy(path)).toMatchObject({ shape, type: "|u1", offset: header.length });
    }
  });

  test("refuses files that are not arrays of integers in C order", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const cases: [Uint8Array, RegExp][] = [
      [Buffer.from("not an array"), /does not begin with NumPy's magic bytes/],
      [npy(dictionary("|O", "(4,)"), bytes), /have the type \|O/],
      [npy(dictionary("<f4", "(1,)"), bytes), /have the type <f4/],
      [npy(dictionary(">i4", "(1,)"), bytes), /have the type >i4/],
      [npy(dictionary("|u1", "(4,)", "True"), bytes), /Fortran/],
      [npy(dictionary("|u1", "(5,)"), bytes), /has 133 bytes; the file has 132/],
      [npy(dictionary("|u1", "(3,)"), bytes), /has 131 bytes; the file has 132/],
      [npy("{'descr': '|u1'}", bytes), /its header is/],
      [npy(dictionary("|u1", "(4,)"), bytes, 4), /version is 4/],
      [npy(dictionary("|u1", "(4,)"), bytes).subarray(0, 40), /truncated in its header/],
    ];
    for (const [contents, message] of cases) expect(() => openNpy(written(contents))).toThrow(message);
    expect(() => openNpy("/nowhere/array.npy")).toThrow(/ENOENT/);
  });

  test("refuses integers that do not fit into 32 bits, and integers read as bytes", () => {
    const large = openNpy(written(npy(dictionary("<i8", "(1,)"), new Uint8Array(BigInt64Array.of(2n ** 40n).buffer))));
    expect(() => readNpyIntegers(large)).toThrow(/fit into 32 bits; the value at index 0 is 1099511627776/);
    expect(() => readNpyBytes(large, 0, 8)).toThrow(/must have the type \|u1/);
  });
});
