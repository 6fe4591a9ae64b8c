import sharp from "sharp";
import { describe, expect, test } from "vitest";
import {
  areNearDuplicates,
  FINGERPRINT_SIDE,
  type Fingerprint,
  fingerprintOf,
} from "../../../src/data/inspection/fingerprint.js";
import { nearDuplicateGroups } from "../../../src/data/inspection/near-duplicates.js";
import { decodeImage } from "../../../src/images/decode.js";
import { picture } from "../../support/photos.js";

async function fingerprint(bytes: Uint8Array): Promise<Fingerprint> {
  const size = { width: FINGERPRINT_SIDE, height: FINGERPRINT_SIDE };
  return fingerprintOf((await decodeImage(bytes, "test", size)).pixels);
}

const png = (seed: number) => picture(seed, 160, 120).png().toBuffer();

describe("fingerprints", () => {
  test("find copies that were recompressed, scaled or brightened", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const original = await png(seed);
      const known = await fingerprint(original);
      const copies = [
        sharp(original).jpeg({ quality: 40 }),
        sharp(original).webp({ quality: 60 }),
        sharp(original).resize(80).jpeg(),
        sharp(original).resize(400).png(),
        sharp(original).linear(0.85).jpeg(),
      ];
      for (const copy of copies) {
        expect(areNearDuplicates(known, await fingerprint(await copy.toBuffer()))).toBe(true);
      }
    }
  });

  test("distinguish different pictures, and plain ones by their grey level", async () => {
    const different = await Promise.all([...Array(40).keys()].map(async (seed) => fingerprint(await png(seed))));
    expect(nearDuplicateGroups(different)).toEqual([]);
    const plain = (grey: number) => fingerprintOf(new Uint8Array(FINGERPRINT_SIDE ** 2 * 3).fill(grey));
    expect(areNearDuplicates(plain(100), plain(102))).toBe(true);
    expect(areNearDuplicates(plain(100), plain(160))).toBe(false);
    expect(areNearDuplicates(plain(100), different[0])).toBe(false);
  });

  test("a chain of copies is one group, and bands miss no pair", async () => {
    const [a, b] = await Promise.all([png(1).then(fingerprint), png(2).then(fingerprint)]);
    const flip = (print: Fingerprint, bits: number[]): Fingerprint => {
      const words = [print.low, print.high];
      for (const bit of bits) words[bit >> 5] ^= 1 << (bit & 31);
      return { low: words[0], high: words[1], thumbnail: print.thumbnail };
    };
    // One at distance 8 with the bits in as many bands as possible; and one 8 bits further, too far from the first.
    const near = flip(a, [1, 2, 3, 4, 5, 6, 7, 8]);
    const further = flip(near, [10, 11, 12, 13, 14, 15, 16, 17]);
    expect(areNearDuplicates(a, further)).toBe(false);
    expect(nearDuplicateGroups([b, a, undefined, further])).toEqual([]);
    expect(nearDuplicateGroups([further, b, a, undefined, near, b])).toEqual([
      [0, 2, 4],
      [1, 5],
    ]);
  });
});
