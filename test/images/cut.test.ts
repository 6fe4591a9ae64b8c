import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { type Region, type Size, whole } from "../../src/images/crop.js";
import { type Cut, cutImage, cutPhoto, imageSize } from "../../src/images/cut.js";
import { decodeImage } from "../../src/images/decode.js";
import { nativePhotos } from "../../src/images/native.js";
import { testData } from "../support/data.js";
import { codedRejection } from "../support/errors.js";
import { damagedJpeg, picture } from "../support/photos.js";

test("the addon exists where libjpeg-turbo's headers do", () => {
  if (existsSync("/usr/include/jpeglib.h")) expect(nativePhotos).not.toBeNull();
});

const withAddon = describe.skipIf(nativePhotos === null);

/** A picture with noise, whose sides are not multiples of 8. */
function grainy(seed: number, width = 157, height = 113): Promise<Sharp> {
  const noise = Uint8Array.from({ length: width * height * 3 }, (_, i) => 96 + ((((i + 1) * 2654435761) >>> 13) % 64));
  return picture(seed, width, height)
    .png()
    .toBuffer()
    .then((bytes) =>
      sharp(bytes).composite([{ input: Buffer.from(noise), raw: { width, height, channels: 3 }, blend: "soft-light" }]),
    );
}

/** EXIF data with the orientation as its second entry (TIFF 6.0, section 2; EXIF 2.32, section 4.6.4). */
function exif(orientation: number, bigEndian: boolean): Uint8Array {
  const data = new DataView(new ArrayBuffer(6 + 8 + 2 + 2 * 12 + 4));
  const short = (at: number, value: number) => data.setUint16(6 + at, value, !bigEndian);
  const long = (at: number, value: number) => data.setUint32(6 + at, value, !bigEndian);
  [..."Exif"].forEach((letter, i) => {
    data.setUint8(i, letter.charCodeAt(0));
  });
  data.setUint16(6, bigEndian ? 0x4d4d : 0x4949);
  short(2, 42);
  long(4, 8);
  short(8, 2);
  for (const [at, tag, value] of [
    [10, 262, 6],
    [22, 274, orientation],
  ]) {
    short(at, tag);
    short(at + 2, 3);
    long(at + 4, 1);
    short(at + 8, value);
  }
  return new Uint8Array(data.buffer);
}

/** A JPEG with EXIF data in it, in its second segment. */
function withExif(jpeg: Uint8Array, data: Uint8Array): Uint8Array {
  const length = data.length + 2;
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Uint8Array.of(0xff, 0xe1, length >> 8, length & 255),
    data,
    jpeg.subarray(2),
  ]);
}

/** A region inside of an area, made from any four numbers. */
function regionIn({ width, height }: Size, [a, b, c, d]: readonly number[]): Region {
  const left = a % width;
  const top = b % height;
  return { left, top, width: 1 + (c % (width - left)), height: 1 + (d % (height - top)) };
}
const numbers = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());

/** A JPEG's cut by the addon, which must not fail, and by sharp. */
async function bothWays(bytes: Uint8Array, cut: Cut, oversampling = 1): Promise<[Uint8Array, Uint8Array]> {
  const size = nativePhotos!.jpegSize(bytes)!;
  expect(await imageSize(bytes, "test", null)).toMatchObject(size);
  const { width, height } = cut.window ?? cut.size;
  const fast = new Uint8Array(3 * width * height);
  const slow = new Uint8Array(3 * width * height);
  let accepted = false;
  const watched = {
    ...nativePhotos!,
    cutJpeg: (...values: Parameters<typeof cutJpeg>) => {
      accepted = cutJpeg(...values);
      return accepted;
    },
  };
  const { cutJpeg } = nativePhotos!;
  await cutPhoto(bytes, "test", size, cut, oversampling, fast, watched);
  await cutPhoto(bytes, "test", size, cut, oversampling, slow, null);
  expect(accepted).toBe(true);
  return [fast, slow];
}

/** A grey image of 8 x 8 pixels in up to 127 scans without an error: the mean, the high bits of each frequency, and their low bits. */
function scans(count: number): Buffer {
  const code = [1, ...new Array(15).fill(0), 0]; // one code of one bit, for the value 0
  const scan = (first: number, bits: number) => [0xff, 0xda, 0, 8, 1, 1, 0, first, first, bits, 0x7f];
  const frequencies = Array.from({ length: 63 }, (_, i) => i + 1);
  const all = [scan(0, 0), ...frequencies.map((k) => scan(k, 0x01)), ...frequencies.map((k) => scan(k, 0x10))];
  return Buffer.from([
    ...[0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, ...new Array(64).fill(1)],
    ...[0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0],
    ...[0xff, 0xc4, 0, 38, 0x00, ...code, 0x10, ...code],
    ...all.slice(0, count).flat(),
    ...[0xff, 0xd9],
  ]);
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

withAddon("cutImage", () => {
  test("is the same byte for byte with and without the addon", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        // Undefined keeps the size of the region.
        fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 2 }),
        fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 2 }),
        numbers,
        numbers,
        fc.constantFrom("bilinear" as const, "bicubic" as const),
        fc.boolean(),
        fc.nat(),
        (width, height, toWidth, toHeight, part, window, interpolation, mirrored, seed) => {
          // Extreme values beside each other, so that sums overshoot.
          const byte = (i: number) => ((i + seed) * 2654435761) >>> 23;
          const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
            byte(i) < 170 ? (byte(i) % 2) * 255 : byte(i) % 256,
          );
          const region = regionIn({ width, height }, part);
          const size = { width: toWidth ?? region.width, height: toHeight ?? region.height };
          const cut = {
            region,
            size,
            window: regionIn(size, window),
            interpolation,
            mirrored,
          };
          const fast = new Uint8Array(3 * cut.window.width * cut.window.height);
          const slow = fast.slice();
          cutImage({ pixels, width, height }, cut, fast);
          cutImage({ pixels, width, height }, cut, slow, null);
          expect(Buffer.compare(fast, slow)).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("refuses regions outside of the image, and targets of another size", () => {
    const image = { pixels: new Uint8Array(4 * 4 * 3), width: 4, height: 4 };
    const cut = { region: whole(image), size: { width: 2, height: 2 }, interpolation: "bicubic" } as const;
    expect(() => cutImage(image, { ...cut, region: { ...cut.region, left: 1 } }, new Uint8Array(12))).toThrow("region");
    expect(() => cutImage(image, cut, new Uint8Array(13))).toThrow("target");
    expect(() => cutImage(image, { ...cut, window: { ...whole(image) } }, new Uint8Array(48))).toThrow("window");
  });
});

withAddon("cutPhoto", () => {
  const kinds: Record<string, (image: Sharp) => Promise<Uint8Array>> = {
    "4:2:0": (image) => image.jpeg({ chromaSubsampling: "4:2:0" }).toBuffer(),
    "4:4:4": (image) => image.jpeg({ chromaSubsampling: "4:4:4", quality: 95 }).toBuffer(),
    progressive: (image) => image.jpeg({ progressive: true, quality: 40 }).toBuffer(),
    grey: (image) => image.grayscale().jpeg().toBuffer(),
    "with the profile of sRGB": (image) => image.withIccProfile("srgb").jpeg().toBuffer(),
    ...Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((orientation) => [
        `of orientation ${orientation}`,
        async (image: Sharp) => withExif(await image.jpeg().toBuffer(), exif(orientation, orientation % 2 === 0)),
      ]),
    ),
  };

  test.each(Object.entries(kinds))("any region of a JPEG, %s, has the pixels of sharp", async (_, encode) => {
    const bytes = await encode(await grainy(3));
    const size = await imageSize(bytes, "test", null);
    await fc.assert(
      fc.asyncProperty(numbers, fc.boolean(), async (part, mirrored) => {
        const region = regionIn(size, part);
        const [fast, slow] = await bothWays(bytes, { region, size: region, interpolation: "bicubic", mirrored });
        expect(Buffer.compare(fast, slow)).toBe(0);
      }),
      { numRuns: 12 },
    );
  });

  test("a JPEG that is scaled while it is decoded is close to one decoded at its own size, and to sharp", async () => {
    for (const orientation of [1, 6]) {
      const bytes = withExif(await (await grainy(5, 901, 675)).jpeg().toBuffer(), exif(orientation, true));
      const photo = await decodeImage(bytes, "test");
      // A region, as in training, and the whole image, decoded larger, as in evaluation. In grey levels.
      for (const [region, oversampling] of [
        [{ left: 21, top: 33, width: 600, height: 560 }, 1],
        [whole(photo), 2],
      ] as const) {
        for (const side of [300, 200, 100, 50, 30]) {
          const cut = { region, size: { width: side, height: side }, interpolation: "bicubic" } as const;
          const exact = new Uint8Array(3 * side * side);
          cutImage(photo, cut, exact);
          const [fast, slow] = await bothWays(bytes, cut, oversampling);
          expect(meanDifference(fast, exact)).toBeLessThan(0.5);
          expect(meanDifference(fast, slow)).toBeLessThan(2);
          // Up to twice the pixels that must be kept, nothing is scaled.
          const spare = Math.min(region.width, region.height) / side / oversampling;
          expect(Buffer.compare(fast, exact) === 0).toBe(spare < 2);
        }
      }
    }
  });

  test("files that the addon does not support have the pixels and errors of sharp", async () => {
    const image = await grainy(7);
    const plain = await image.jpeg().toBuffer();
    const readable = {
      png: await image.png().toBuffer(),
      cmyk: await image.clone().toColourspace("cmyk").jpeg().toBuffer(),
      "another profile": await image.clone().withIccProfile("p3").jpeg().toBuffer(),
      "something behind it": Buffer.concat([plain, Buffer.from("trailer")]),
      "EXIF data cut off": withExif(plain, exif(6, true).subarray(0, 30)),
      damaged: await damagedJpeg(),
    };
    for (const [name, bytes] of Object.entries(readable)) {
      const photo = await decodeImage(bytes, name);
      const cut = { region: whole(photo), size: { width: 40, height: 30 }, interpolation: "bilinear" } as const;
      const expected = new Uint8Array(3 * 40 * 30);
      const found = expected.slice();
      cutImage(photo, cut, expected, null);
      await cutPhoto(bytes, name, photo, cut, 8, found);
      expect(Buffer.compare(found, expected), name).toBe(0);
      expect(nativePhotos!.jpegSize(bytes), name).toEqual(name === "damaged" ? { width: 600, height: 400 } : undefined);
    }
    const cut = { region: { left: 0, top: 0, width: 9, height: 9 }, size: { width: 9, height: 9 } } as const;
    const broken = {
      text: Buffer.from("not an image"),
      empty: new Uint8Array(),
      truncated: plain.subarray(0, plain.length * 0.9),
    };
    for (const [name, bytes] of Object.entries(broken)) {
      const size = { width: 157, height: 113 };
      const target = new Uint8Array(3 * 81);
      const error = await codedRejection(cutPhoto(bytes, name, size, { ...cut, interpolation: "bicubic" }, 1, target));
      expect(error.code).toBe("ERR_IMAGE");
      expect(error.message).toContain(`cannot decode ${name}: `);
    }
  });

  const photos = testData("clothing-small");
  test("an image of more than 100 scans is refused, by the addon and without it", async () => {
    const region = { left: 0, top: 0, width: 8, height: 8 };
    const cut = (bytes: Uint8Array) =>
      nativePhotos!.cutJpeg(bytes, 1, region, { width: 8, height: 8 }, region, 0, false, new Uint8Array(192));
    expect([cut(scans(1)), cut(scans(100)), cut(scans(101)), cut(scans(127))]).toEqual([true, true, false, false]);
    // The same scan again and again is damaged. It is refused at the first repetition.
    const last = scans(64).subarray(-12);
    const repeated = Buffer.concat([
      scans(64).subarray(0, -2),
      ...new Array(20).fill(last.subarray(0, -2)),
      last.subarray(-2),
    ]);
    expect(cut(repeated)).toBe(false);
    expect(await decodeImage(scans(100), "a.jpg")).toMatchObject({ width: 8, height: 8 });
    const { message } = await codedRejection(decodeImage(scans(101), "a.jpg"));
    expect(message).toBe("cannot decode a.jpg: it is a JPEG of more than 100 scans.");
  });

  test.skipIf(photos === undefined)("real photos have the pixels of sharp (clothing-small)", async () => {
    const folder = join(photos!, "validation");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".jpg"));
    for (const [i, file] of files.sort().entries()) {
      if (i % 10 !== 0) continue;
      const bytes = readFileSync(join(folder, file));
      const size = await imageSize(bytes, file);
      const region = regionIn(size, [7 * i, 5 * i, 31 * i, 17 * i]);
      const [fast, slow] = await bothWays(bytes, { region, size: { width: 64, height: 64 }, interpolation: "bicubic" });
      expect(Buffer.compare(fast, slow), file).toBe(0);
    }
  });
});
