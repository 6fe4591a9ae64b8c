import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AdvPropError } from "../../src/errors.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import type { PickleValue } from "../../src/torch-files/pickle-globals.js";
import { readTorchFile } from "../../src/torch-files/read.js";
import { readStateFile } from "../../src/torch-files/state-file.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { type PickledTensor, pickled, pickledTensor, torchArchive, zipArchive } from "../support/torch-files.js";

const golden = (name: string) => join(import.meta.dirname, "../golden/values", name);
const FORMS = ["torch_zip.pth", "torch_legacy.pth"];

function written(bytes: Uint8Array, name = "weights.pth"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

const rejected = async (bytes: Uint8Array, name?: string) => codedRejection(readStateFile(written(bytes, name)));
const plain = (value: PickleValue): Map<PickleValue, PickleValue> => value as Map<PickleValue, PickleValue>;

describe.each(FORMS)("%s, which torch.save wrote", (name) => {
  test("has every tensor: of each dtype, with strides and offsets, in shared storages", async () => {
    const { tensors: expected } = decodeSafetensors(readFileSync(golden("torch_values.safetensors")));
    const { tensors, notes } = await readStateFile(golden(name));
    expect(notes).toEqual([]);
    expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, tensor] of expected) {
      const found = tensors.get(key)!;
      expect([key, found.dtype, found.shape, Buffer.from(found.read())]).toEqual([
        key,
        tensor.dtype,
        tensor.shape,
        Buffer.from(tensor.data),
      ]);
    }
  });

  test("has the other values of a training script", async () => {
    const value = plain((await readTorchFile(golden(name))).value);
    expect(value.get("epoch")).toBe(3);
    expect(value.get("best")).toBe(0.9173);
    expect(value.get("large")).toBe(2n ** 70n);
    expect(value.get("none")).toBeNull();
    expect([...plain(value.get("args")!)]).toEqual([
      ["lr", 0.1],
      ["name", "first"],
      ["betas", [0.9, 0.999]],
    ]);
    expect(value.get("set")).toEqual(new Set([1, 2]));
    expect(value.get("size")).toEqual([1, 2]);
    expect(value.get("bytes")).toEqual(Buffer.from([0, 255]));
  });

  test("is refused with a clear error wherever it is truncated", async () => {
    const bytes = readFileSync(golden(name));
    for (let length = 0; length < bytes.length; length += 211) {
      const error = await rejected(bytes.subarray(0, length));
      expect([length, error.code]).toEqual([length, "ERR_TORCH_FILE"]);
    }
  });

  test("is read, or refused with a coded error, whichever byte of it is changed", async () => {
    const bytes = readFileSync(golden(name));
    const path = written(bytes);
    for (let i = 0; i < bytes.length; i += 41) {
      const damaged = Buffer.from(bytes);
      damaged[i] ^= 1 << (i % 8);
      writeFileSync(path, damaged);
      const outcome = await readStateFile(path).then(
        ({ tensors }) => [...tensors.values()].map((tensor) => tensor.read().length).length,
        (error: unknown) => error,
      );
      if (typeof outcome !== "number") expect(outcome).toBeInstanceOf(AdvPropError);
    }
  });
});

describe("a pickle", () => {
  const state = (value: Buffer) => torchArchive(pickled.file(pickled.dictionary({ state_dict: value })));

  test.each([
    [
      "calls os.system",
      pickled.call("posix", "system", pickled.text("touch /tmp/x")),
      "opcode GLOBAL, uses posix.system",
    ],
    ["calls eval", pickled.call("builtins", "eval", pickled.text("1")), "uses builtins.eval"],
    ["calls eval as Python 2 does", pickled.call("__builtin__", "eval", pickled.text("1")), "uses __builtin__.eval"],
    [
      "looks up by the stack",
      Buffer.concat([pickled.text("os"), pickled.text("system"), Buffer.from([0x93])]),
      "opcode STACK_GLOBAL, uses os.system",
    ],
    [
      "calls the type of a storage",
      pickled.call("torch", "FloatStorage"),
      "opcode REDUCE, uses a call of torch.FloatStorage",
    ],
    ["has INST", Buffer.from("(ios\nsystem\n"), "opcode 0x69"],
    ["has OBJ", Buffer.from("(o"), "opcode 0x6f"],
    ["has EXT1", Buffer.from([0x82, 1]), "opcode 0x82"],
    ["has a textual persistent id", Buffer.from("Pstorage\n"), "opcode 0x50"],
    ["looks up what objects have", pickled.global("constructor", "constructor"), "uses constructor.constructor"],
    ["sets attributes of a list", Buffer.from("]}b"), "opcode BUILD, may set the attributes of dictionaries only"],
    [
      "names no storage",
      Buffer.concat([pickled.tupleOf(pickled.text("module")), Buffer.from("Q")]),
      "is not a storage",
    ],
    ["reads an empty memo", Buffer.from("h\x07", "latin1"), "entry 7 of its memo"],
    ["empties its stack", Buffer.from("0000000"), "opcode POP, finds nothing on the stack"],
  ])("that %s is refused by opcode and name", async (_, value, message) => {
    const error = await rejected(state(value));
    expect(error.code).toBe("ERR_TORCH_FILE");
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(message);
  });

  test("with millions of instructions is refused, so that memory stays bounded", async () => {
    const error = await rejected(torchArchive(pickled.file(Buffer.alloc(3_000_000, "]"))));
    expect(error.message).toContain("has more than 2000000 instructions");
  });

  test("that copies a value again and again is refused before it needs much memory", async () => {
    const encode = [pickled.global("_codecs", "encode"), Buffer.from("q\x01", "latin1")];
    const text = [pickled.text("a".repeat(2 ** 20)), Buffer.from("q\x02", "latin1")];
    const call = [Buffer.from("h\x01h\x02", "latin1"), pickled.text("latin1"), Buffer.from("\x86R", "latin1")];
    const many = new Array(600).fill(Buffer.concat(call));
    const error = await rejected(torchArchive(pickled.file(Buffer.concat([...encode, ...text, ...many]))));
    expect(error.message).toContain("needs more than 512 MiB");
  });

  test("whose nested lists have a billion elements is refused without expanding them", async () => {
    // Each list contains the one before it ten times.
    let value = Buffer.from("]q\x00", "latin1");
    for (let i = 1; i <= 40; i++) {
      const earlier = Buffer.concat(Array.from({ length: 10 }, () => Buffer.from([0x68, i - 1])));
      value = Buffer.concat([value, Buffer.from("0]q"), Buffer.from([i]), Buffer.from("("), earlier, Buffer.from("e")]);
    }
    const error = await rejected(torchArchive(pickled.file(value)));
    expect(error.message).toContain("must hold a dictionary of tensors; it holds a list of 10");
  });

  test("of a dictionary that contains itself is refused", async () => {
    const itself = Buffer.concat([Buffer.from("}q\x01", "latin1"), pickled.text("a"), Buffer.from("h\x01s", "latin1")]);
    expect((await rejected(torchArchive(pickled.file(itself)))).message).toContain("has no entry with weights");
  });
});

describe("a tensor", () => {
  const one = (tensor: PickledTensor, storages: Record<string, Uint8Array> = { "0": new Uint8Array(16) }) =>
    torchArchive(pickled.file(pickled.dictionary({ a: pickledTensor(tensor) })), storages);
  const KEY = { key: "0", elements: 4 };

  test.each([
    [
      "its storage",
      { ...KEY, shape: [5] },
      "of shape [5], offset 0 and strides [1] reaches element 4 of storage 0, which has 4",
    ],
    ["its storage by its offset", { ...KEY, offset: 3, shape: [2] }, "reaches element 4"],
    ["its storage by its strides", { ...KEY, shape: [2], strides: [4] }, "reaches element 4"],
    ["any memory", { ...KEY, shape: [2 ** 20, 2 ** 20], strides: [0, 0] }, "has 1099511627776 elements"],
    ["below its storage", { ...KEY, offset: -1, shape: [2] }, "offset must be a non-negative integer"],
    ["below its storage by strides", { ...KEY, shape: [2], strides: [-1] }, "strides must be non-negative integers"],
    ["the file", { key: "0", elements: 2 ** 40, shape: [1] }, "storage 0 must have 4398046511104 bytes"],
    ["another dtype's size", { ...KEY, type: "DoubleStorage", shape: [1] }, "storage 0 must have 32 bytes"],
    ["a storage that is not there", { key: "1", elements: 4, shape: [1] }, "has no entry archive/data/1"],
  ])("that reaches beyond %s is refused", async (_, tensor, message) => {
    const error = await rejected(one(tensor as PickledTensor));
    expect([error.code, error.message]).toEqual(["ERR_TORCH_FILE", expect.stringContaining(message)]);
  });

  test("of a storage with two descriptions is refused", async () => {
    const [a, b] = [pickledTensor({ ...KEY, shape: [1] }), pickledTensor({ key: "0", elements: 2, shape: [1] })];
    const error = await rejected(torchArchive(pickled.file(pickled.dictionary({ a, b })), { "0": new Uint8Array(16) }));
    expect(error.message).toContain("describes storage 0 twice");
  });
});

describe("an archive", () => {
  const data = pickled.file(pickled.dictionary({ a: pickledTensor({ key: "0", elements: 4, shape: [4] }) }));

  test("whose directory has an impossible position is refused", async () => {
    const bytes = readFileSync(golden("torch_zip.pth"));
    const locator = bytes.indexOf(Buffer.from("PK\x06\x07", "latin1"));
    expect(locator).toBeGreaterThan(0);
    bytes.writeBigUInt64LE(2n ** 62n, locator + 8);
    expect(await rejected(bytes)).toMatchObject({ code: "ERR_TORCH_FILE" });
  });

  test("whose entries overlap is refused", async () => {
    const error = await rejected(
      zipArchive([
        { name: "a/data.pkl", data },
        { name: "a/data/0", data: new Uint8Array(16), claimedStart: 0 },
      ]),
    );
    expect(error.message).toMatch(/entry a\/data(\.pkl|\/0) overlaps the one before it/);
  });

  test("that would unpack to far more than its size is refused before anything is unpacked", async () => {
    const bomb = { data: new Uint8Array(100), method: 8, uncompressedSize: 2 ** 32 - 2 };
    const error = await rejected(zipArchive([{ name: "a/data.pkl", ...bomb }]));
    expect(error.message).toContain("its entry a/data.pkl is compressed or encrypted, which torch.save never does");
  });

  test.each([
    ["of something else", [{ name: "word/document.xml", data }], "not one of torch.save"],
    ["of two objects", ["a", "b"].map((name) => ({ name: `${name}/data.pkl`, data })), "must have one NAME/data.pkl"],
    ["with one name twice", ["a", "a"].map((name) => ({ name: `${name}/data.pkl`, data })), "two entries named"],
    [
      "of TorchScript",
      ["data.pkl", "constants.pkl"].map((n) => ({ name: `a/${n}`, data })),
      "is a TorchScript program",
    ],
    [
      "from a big-endian machine",
      [
        { name: "a/data.pkl", data },
        { name: "a/byteorder", data: Buffer.from("big") },
      ],
      "big-endian",
    ],
    ["with a name that leaves the folder", [{ name: "../data.pkl", data }], "is not a readable zip archive"],
  ])("%s is refused", async (_, entries, message) => {
    expect((await rejected(zipArchive(entries))).message).toContain(message);
  });
});

describe("another file", () => {
  test.each([
    ["a web page", Buffer.from("<!DOCTYPE html><title>Sign in</title>"), "it is a web page"],
    ["a pointer of Git LFS", Buffer.from("version https://git-lfs.github.com/spec/v1\n"), "it is a pointer of Git LFS"],
    ["an empty one", Buffer.alloc(0), "it is empty"],
    ["compressed", Buffer.from("1f8b0800", "hex"), "it is compressed by gzip"],
    ["some other pickle", pickled.file(pickled.none), "it is another pickle of Python"],
    ["none of these", Buffer.from("hello, world"), "it is neither"],
  ])("%s is called what it is", async (_, bytes, message) => {
    const error = await rejected(bytes);
    expect([error.code, error.message]).toEqual(["ERR_TORCH_FILE", expect.stringContaining(message)]);
  });

  test("that does not exist is reported as missing", async () => {
    expect((await codedRejection(readStateFile("/nowhere/weights.pth"))).code).toBe("ERR_WEIGHTS_MISSING");
  });

  test("with a header of 100 MB is refused before it is parsed", async () => {
    const bytes = Buffer.alloc(100_000_016, " ");
    bytes.writeBigUInt64LE(100_000_000n, 0);
    bytes.write("{", 8);
    const error = await rejected(bytes, "weights.safetensors");
    expect(error.code).toBe("ERR_SAFETENSORS");
    expect(error.message).toContain("header length must fit in the 100000016 bytes of the file and in 16000000");
  });
});
