import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeSize, readHeader } from "../../src/images/decode.js";
import { codedRejection } from "../support/errors.js";
import { damagedJpeg, picture } from "../support/photos.js";

const RED = { width: 8, height: 4, channels: 3, background: "#c81e32" } as const;

/** The first pixel of a decoded image. Checks the shape too. */
async function firstPixel(bytes: Uint8Array, width = 8, height = 4): Promise<number[]> {
  const image = await decodeImage(bytes, "test");
  expect([image.width, image.height, image.pixels.length]).toEqual([width, height, width * height * 3]);
  return [...image.pixels.subarray(0, 3)];
}

function expectNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(tolerance);
  });
}

describe("decodeImage", () => {
  test.each(["jpeg", "png", "webp", "avif", "gif"] as const)("reads %s", async (format) => {
    const bytes = await sharp({ create: RED }).toFormat(format).toBuffer();
    expectNear(await firstPixel(bytes), [200, 30, 50], 4);
    expect(await readHeader(bytes, "test")).toEqual({ format, width: 8, height: 4 });
  });

  test("takes the first frame of an animation", async () => {
    const frames = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => (i < 8 * 4 * 3 ? [255, 0, 0] : [0, 255, 0])[i % 3]);
    const raw = { width: 8, height: 8, channels: 3, pageHeight: 4 } as const;
    for (const format of ["gif", "webp"] as const) {
      const bytes = await sharp(frames, { raw }).toFormat(format, { lossless: true }).toBuffer();
      expect((await sharp(bytes).metadata()).pages).toBe(2);
      expectNear(await firstPixel(bytes), [255, 0, 0], 1);
    }
  });

  test("converts grey to three channels, also from 16 bits", async () => {
    const raw = { width: 8, height: 4, channels: 1 } as const;
    const grey = await sharp(new Uint8Array(32).fill(100), { raw }).toColourspace("b-w").png().toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(1);
    expect(await firstPixel(grey)).toEqual([100, 100, 100]);
    const deep = await sharp(new Uint16Array(32).fill(100 * 257), { raw })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    expect(await firstPixel(deep)).toEqual([100, 100, 100]);
  });

  test("reduces 16-bit colours to 8 bits", async () => {
    const values = Uint16Array.from({ length: 96 }, (_, i) => [10, 117, 255][i % 3] * 257);
    const bytes = await sharp(values, { raw: { width: 8, height: 4, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe("ushort");
    expectNear(await firstPixel(bytes), [10, 117, 255], 1);
  });

  test("converts CMYK to sRGB", async () => {
    const bytes = await sharp({ create: RED }).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe("cmyk");
    // The conversion of ink to light is not exact, but the colour stays clearly red.
    expectNear(await firstPixel(bytes), [200, 30, 50], 30);
  });

  test("gives transparency a white background", async () => {
    const half = { width: 8, height: 4, channels: 4, background: { r: 200, g: 30, b: 50, alpha: 0.5 } } as const;
    expectNear(await firstPixel(await sharp({ create: half }).png().toBuffer()), [228, 143, 153], 2);
    const clear = { ...half, background: { r: 200, g: 30, b: 50, alpha: 0 } };
    for (const format of ["png", "webp", "avif", "gif"] as const) {
      expectNear(await firstPixel(await sharp({ create: clear }).toFormat(format).toBuffer()), [255, 255, 255], 1);
    }
  });

  test("turns every EXIF orientation upright, also when it decodes at a smaller size", async () => {
    const upright = await sharp(await picture(3, 64, 48).png().toBuffer())
      .raw()
      .toBuffer();
    const stored = sharp(upright, { raw: { width: 64, height: 48, channels: 3 } });
    // How the stored pixels must be turned for each value of the tag (EXIF 2.32, section 4.6.4, 274).
    const inverse: Record<number, (image: Sharp) => Sharp> = {
      1: (image) => image,
      2: (image) => image.flop(),
      3: (image) => image.rotate(180),
      4: (image) => image.flip(),
      6: (image) => image.rotate(270),
      8: (image) => image.rotate(90),
    };
    for (const [orientation, turn] of Object.entries(inverse)) {
      const turned = await turn(stored.clone()).png().toBuffer();
      const bytes = await sharp(turned)
        .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
        .withMetadata({ orientation: Number(orientation) })
        .toBuffer();
      expect(await readHeader(bytes, "test")).toEqual({ format: "jpeg", width: 64, height: 48 });
      const { pixels, width, height } = await decodeImage(bytes, "test");
      expect([width, height]).toEqual([64, 48]);
      expectNear([...pixels], [...upright], 12);
      const small = await decodeImage(bytes, "test", { width: 16, height: 12 });
      const expected = await stored.clone().resize(16, 12, { fit: "fill" }).raw().toBuffer();
      expectNear([...small.pixels], [...expected], 24);
    }
  });

  test("names the file that cannot be decoded", async () => {
    const whole = await picture(1, 300, 200).jpeg().toBuffer();
    const png = await picture(1, 300, 200).png().toBuffer();
    const bad: Record<string, Uint8Array> = {
      "text.jpg": Buffer.from("not an image"),
      "empty.jpg": new Uint8Array(),
      "cut.jpg": whole.subarray(0, whole.length * 0.9),
      "cut.png": png.subarray(0, png.length / 2),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const error = await codedRejection(decodeImage(bytes, name));
      expect(error.code).toBe("ERR_IMAGE");
      expect(error.message).toContain(`cannot decode ${name}: `);
    }
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    expect((await codedRejection(readHeader(svg, "a.svg"))).message).toContain("it is an SVG drawing");
  });

  test("ignores damage unless it is strict", async () => {
    const bytes = await damagedJpeg();
    expect((await decodeImage(bytes, "test")).width).toBe(600);
    expect((await codedRejection(decodeImage(bytes, "test", undefined, true))).code).toBe("ERR_IMAGE");
  });
});

describe("decodeSize", () => {
  const image = { width: 4000, height: 3001 };

  test("shrinks only images that are much too large, and keeps enough pixels", () => {
    expect(decodeSize(image, 3001 / 224)).toEqual({ width: 444, height: 333 });
    expect(decodeSize(image, 3001 / 448)).toEqual({ width: 800, height: 600 });
    expect(decodeSize(image, 700 / 224)).toEqual({ width: 1333, height: 1000 });
    expect(decodeSize(image, 600 / 224)).toBeUndefined();
  });

  test("its factors make the decoding of a JPEG fast", async () => {
    const bytes = await picture(1, 2000, 1500).jpeg().toBuffer();
    const milliseconds = async (size?: { width: number; height: number }) => {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const start = process.cpuUsage();
        await decodeImage(bytes, "test", size);
        const { user, system } = process.cpuUsage(start);
        times.push((user + system) / 1000);
      }
      return Math.min(...times);
    };
    const whole = await milliseconds();
    const small = await milliseconds(decodeSize({ width: 2000, height: 1500 }, 10));
    // It is about five times faster. Without scaling while decoding it would be slower than a full decode.
    expect(small).toBeLessThan(0.7 * whole);
  });
});
