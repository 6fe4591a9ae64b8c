import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { jpegRoundTrip } from "../../src/corruptions/operations/jpeg-loss.js";
import { KeyedRandom, Purpose } from "../../src/random.js";

/** Coloured gradients of any size with a little noise. */
function image(height: number, width: number): Uint8Array {
  const random = new KeyedRandom(1, Purpose.synthesis, 0, height * 1000 + width);
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return ([9 * x, 255 - 7 * y, 5 * (x + y)][i % 3] % 256) ^ random.integer(i, 16);
  });
}

describe("jpegRoundTrip", () => {
  test.each([
    [16, 16, 75],
    [33, 47, 40],
    [34, 46, 90],
    [5, 101, 10],
    [100, 7, 65],
    [64, 48, 1],
    [64, 48, 100],
  ])("equals libjpeg at %i x %i, quality %i", async (height, width, quality) => {
    const pixels = image(height, width);
    const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality, chromaSubsampling: "4:2:0" })
      .toBuffer();
    const expected = await sharp(jpeg).raw().toBuffer();
    expect(jpegRoundTrip(pixels, height, width, quality)).toEqual(new Uint8Array(expected));
  });
});
