/** Files made to do harm: each is refused by a coded error that says what it is, in bounded time and memory. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { cutPhoto, imageSize } from "../../src/images/cut.js";
import { decodeImage, readHeader } from "../../src/images/decode.js";
import type { OnnxOptions } from "../../src/predictors/onnx/onnx-settings.js";
import { openPredictor } from "../../src/predictors/open.js";
import { parseRecipe } from "../../src/recipes/resolve.js";
import { codedError, codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { writeOnnx } from "../support/onnx.js";
import { picture } from "../support/photos.js";

const MOST_MS = 2000;
const MOST_BYTES = 200e6;

/** Does something that must neither take long nor much memory. */
async function bounded<T>(work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const before = process.memoryUsage.rss();
  const result = await work();
  expect(performance.now() - start).toBeLessThan(MOST_MS);
  expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_BYTES);
  return result;
}

/** A PNG of one bit a pixel, all black: a megabyte that would unpack to billions of pixels (PNG, third edition, 11.2). */
function blackPng(side: number): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((side / 8 + 1) * side), { level: 1 });
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", new Uint8Array())]);
}

describe("an image of billions of pixels is refused before it is decoded", () => {
  const cut = (side: number) => ({
    region: { left: 0, top: 0, width: side, height: side },
    size: { width: 32, height: 32 },
    interpolation: "bilinear" as const,
  });

  test("a PNG of 50,000 x 50,000", async () => {
    const side = 50_000;
    const bytes = blackPng(side);
    const target = new Uint8Array(32 * 32 * 3);
    for (const read of [
      () => readHeader(bytes, "bomb.png"),
      () => decodeImage(bytes, "bomb.png"),
      () => cutPhoto(bytes, "bomb.png", { width: side, height: side }, cut(side), 2, target),
    ]) {
      const error = await bounded(() => codedRejection(read()));
      expect(error).toMatchObject({ code: "ERR_IMAGE" });
      expect(error.message).toContain("bomb.png: it is a PNG of more than 268 million pixels");
    }
  });

  test("a JPEG that claims 65,500 x 65,500", async () => {
    const side = 65_500;
    const bytes = await picture(1, 64, 64).jpeg().toBuffer();
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    bytes.writeUInt16BE(side, frame + 5);
    bytes.writeUInt16BE(side, frame + 7);
    const target = new Uint8Array(32 * 32 * 3);
    for (const read of [
      () => imageSize(bytes, "bomb.jpg"),
      () => cutPhoto(bytes, "bomb.jpg", { width: side, height: side }, cut(side), 2, target),
    ]) {
      expect(await bounded(() => codedRejection(read()))).toMatchObject({ code: "ERR_IMAGE" });
    }
  });
});

test("a recipe whose aliases unfold to billions of values is refused", async () => {
  const lists = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(", ")}]`);
  const text = ["l0: &l0 [x, x, x, x, x, x, x, x, x]", ...lists].join("\n");
  const error = await bounded(async () => codedError(() => parseRecipe(text, "bomb.yaml")));
  expect(error).toMatchObject({ code: "ERR_RECIPE_SYNTAX", exitCode: 2 });
});

test("an ONNX file whose weights lie outside of its folder is refused", async () => {
  const root = temporaryFolder();
  const folder = join(root, "model");
  mkdirSync(folder);
  const weights = new Uint8Array(new Float32Array(6).buffer);
  for (const path of [join(root, "secret"), join(folder, "weights")]) writeFileSync(path, weights);
  const model = (name: string, weightsIn: string) =>
    writeOnnx(join(folder, name), {
      weights: [
        [1, 0, 0],
        [0, 1, 0],
      ],
      weightsIn,
    });
  const onnx: OnnxOptions = { classes: ["red", "green"], pixelRange: "0-1" };
  await (await openPredictor(model("good.onnx", "weights"), { onnx })).close();
  for (const outside of ["../secret", join(root, "secret"), "/etc/hostname"]) {
    const error = await codedRejection(openPredictor(model("bad.onnx", outside), { onnx }));
    expect(error).toMatchObject({ code: "ERR_ONNX" });
    expect(error.message).toContain("bad.onnx");
  }
});
