/**
 * Files that come from elsewhere, with bytes changed at random: each of our own parsers reads them or refuses them with a
 * coded error, in bounded time. ADVPROP_FUZZ_CASES sets the cases of a parser; `npm run test:soak` runs many.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { npyHeader, openNpy, readNpyBytes, readNpyIntegers } from "../../src/data/datasets/npy.js";
import { openBytes } from "../../src/data/shards/byte-source.js";
import { scanShard } from "../../src/data/shards/scan-shard.js";
import { isSafeName, parseShardIndex } from "../../src/data/shards/shard-index.js";
import { BLOCK, readPaxRecords, readTarHeader } from "../../src/data/shards/tar-headers.js";
import { AdvPropError, UsageError } from "../../src/errors.js";
import { readClassMap } from "../../src/evaluation/classes/class-map.js";
import { cutPhoto, imageSize } from "../../src/images/cut.js";
import { parseRecipe, resolveRecipe } from "../../src/recipes/resolve.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import { decodeSafetensors } from "../../src/runs/safetensors.js";
import { readStateFile } from "../../src/torch-files/state-file.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { picture } from "../support/photos.js";
import { tarOf } from "../support/shards.js";

const CASES = Number(process.env.ADVPROP_FUZZ_CASES ?? 500);
/** A case takes milliseconds; one that takes so long has found input whose cost grows beyond its size. */
const SLOWEST_MS = 5000;

interface Change {
  readonly kind: "set" | "flip" | "insert" | "remove" | "repeat" | "cut";
  /** Where, as a share of the file. */
  readonly at: number;
  readonly byte: number;
  readonly length: number;
}

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "flip", "insert", "remove", "repeat", "cut"),
    // Headers are at the beginning and at the end.
    at: fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 0.05, noNaN: true }),
      fc.double({ min: 0.95, max: 1, noNaN: true }),
    ),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
    length: fc.integer({ min: 1, max: 16 }),
  }),
  { minLength: 1, maxLength: 8 },
);

function changed(bytes: Uint8Array, list: readonly Change[]): Buffer {
  let result = Buffer.from(bytes);
  for (const { kind, at, byte, length } of list) {
    const place = Math.floor(at * result.length);
    const before = result.subarray(0, place);
    const after = result.subarray(place);
    if (kind === "set")
      result = Buffer.concat([before, Buffer.alloc(Math.min(length, after.length), byte), after.subarray(length)]);
    else if (kind === "flip" && place < result.length) result[place] ^= 1 << (byte % 8);
    else if (kind === "insert") result = Buffer.concat([before, Buffer.alloc(length, byte), after]);
    else if (kind === "remove") result = Buffer.concat([before, after.subarray(length)]);
    else if (kind === "repeat") result = Buffer.concat([before, after.subarray(0, length), after]);
    else if (kind === "cut") result = Buffer.from(before);
  }
  return result;
}

/** Gives changed files to a parser, which may refuse them by a coded error alone. */
const survives = (bytes: Uint8Array, parse: (bytes: Buffer) => unknown) =>
  fc.assert(
    fc.asyncProperty(changes, async (list) => {
      const start = performance.now();
      try {
        await parse(changed(bytes, list));
      } catch (error) {
        if (!(error instanceof AdvPropError)) throw error;
        expect(error.code).toMatch(/^ERR_/);
      }
      expect(performance.now() - start).toBeLessThan(SLOWEST_MS);
    }),
    { numRuns: CASES },
  );

const folder = sharedTemporaryFolder();
/** Gives the parser a file of these bytes. */
const asFile = (name: string, parse: (path: string) => unknown) => {
  const path = join(folder, name);
  return (bytes: Buffer) => {
    writeFileSync(path, bytes);
    return parse(path);
  };
};
const golden = (name: string) => readFileSync(join(import.meta.dirname, "../golden/values", name));

describe("files with changed bytes are read or refused", () => {
  test("safetensors", async () => {
    await survives(golden("torch_values.safetensors"), (bytes) => decodeSafetensors(bytes));
  });

  test.each(["torch_zip.pth", "torch_legacy.pth"])("%s", async (name) => {
    const read = async (path: string) => {
      const { tensors } = await readStateFile(path);
      for (const tensor of tensors.values()) tensor.read();
    };
    await survives(golden(name), asFile(name, read));
  });

  test("arrays of NumPy", async () => {
    const array = Buffer.concat([npyHeader([4, 3]), Uint8Array.from({ length: 12 }, (_, i) => i)]);
    const read = (path: string) => {
      const file = openNpy(path);
      readNpyBytes(file, 0, Math.min(4, file.shape[0] ?? 0));
      readNpyIntegers(file);
    };
    await survives(array, asFile("array.npy", read));
  });

  test("recipes", async () => {
    const recipe = readFileSync(join(import.meta.dirname, "../../recipes/photos.yaml"));
    await survives(recipe, (bytes) => resolveRecipe(parseRecipe(bytes.toString("utf8"), "photos.yaml")));
  });

  test("logs of a run", async () => {
    const line = (step: number) => `${JSON.stringify({ type: "step", step, epoch: 0, cleanLoss: 2.3 })}\n`;
    await survives(Buffer.from([1, 2, 3, 4].map(line).join("")), asFile("metrics.jsonl", readJsonLines));
  });

  test("maps of classes", async () => {
    const map = Buffer.from("cat: [tabby, siamese]\ndog: [pug]\nbird: jay\n");
    await survives(map, asFile("classes.yaml", readClassMap));
  });

  describe("shards", () => {
    let shard: Buffer;
    beforeAll(async () => {
      const photo = await (await picture(1, 24, 24)).jpeg().toBuffer();
      // One name is long enough for an extended header.
      const keys = ["0", "1", `${"deep/".repeat(30)}größe`];
      shard = await tarOf(keys.flatMap((key) => [[`${key}.jpg`, photo] as const, [`${key}.cls`, "1"] as const]));
    });

    test("archives", async () => {
      const scan = async (path: string) => {
        const source = await openBytes(path);
        try {
          const photos = await scanShard(source);
          for (const { offset, length } of photos) expect(offset + length).toBeLessThanOrEqual(source.bytes);
        } finally {
          source.close();
        }
      };
      await survives(shard, asFile("shard.tar", scan));
    });

    test("headers of archives whose sums are right", async () => {
      const refuse = (reason: string): never => {
        throw new UsageError("ERR_SHARD", reason);
      };
      await survives(shard.subarray(0, BLOCK), (bytes) => {
        const block = Buffer.alloc(BLOCK);
        bytes.copy(block);
        block.fill(" ", 148, 156);
        const sum = block.reduce((total, byte) => total + byte, 0);
        block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
        const header = readTarHeader(block, refuse);
        // A block of zeros is the end.
        if (header !== undefined) expect(Number.isSafeInteger(header.size) && header.size >= 0).toBe(true);
      });
      await survives(Buffer.from("26 path=a/b/c/d/e/f/g.jpg\n14 size=12345\n"), (bytes) =>
        readPaxRecords(bytes, refuse),
      );
    });

    test("keys", async () => {
      await survives(Buffer.from("deep/ñ/0001.jpg"), (bytes) => {
        const name = bytes.toString("utf8");
        if (isSafeName(name)) expect(join("/root", name).startsWith("/root/")).toBe(true);
      });
    });

    test("indexes", async () => {
      const photo = { name: "cat/0.jpg", offset: 512, length: 900, class: "1", key: "0123456789abcdef", crc32: 77 };
      const index = JSON.stringify({
        schema: 1,
        bytes: 4096,
        version: "abc",
        photos: [photo, { ...photo, name: "1.jpg" }],
      });
      await survives(Buffer.from(index), (bytes) => {
        const { photos, bytes: all } = parseShardIndex(bytes.toString("utf8"), "x.index.json");
        for (const { name, offset, length } of photos) expect(isSafeName(name) && offset + length <= all).toBe(true);
      });
    });
  });

  describe("photos", () => {
    const photos = new Map<string, Buffer>();
    beforeAll(async () => {
      mkdirSync(join(folder, "photos"));
      for (const progressive of [false, true]) {
        const jpeg = await (await picture(1, 61, 47)).jpeg({ progressive }).toBuffer();
        photos.set(progressive ? "progressive JPEG" : "JPEG", jpeg);
      }
      photos.set("PNG", await (await picture(2, 61, 47)).png().toBuffer());
      photos.set("WebP", await (await picture(3, 61, 47)).webp().toBuffer());
    });

    test.each(["JPEG", "progressive JPEG", "PNG", "WebP"])("%s", async (format) => {
      await survives(photos.get(format)!, async (bytes) => {
        const size = await imageSize(bytes, "photo");
        // A claimed size costs no more than its own check before anything is decoded.
        if (size.width * size.height > 4_000_000) return;
        const cut = {
          region: { left: 0, top: 0, ...size },
          size: { width: 16, height: 16 },
          interpolation: "bilinear",
        } as const;
        await cutPhoto(bytes, "photo", size, cut, 2, new Uint8Array(16 * 16 * 3));
      });
    });
  });
});
