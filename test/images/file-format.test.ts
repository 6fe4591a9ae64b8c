import { crc32 } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, readHeader } from "../../src/images/decode.js";
import { formatOf } from "../../src/images/file-format.js";
import { codedRejection } from "../support/errors.js";
import { picture } from "../support/photos.js";

const bytesOf = (text: string) => Buffer.from(text, "latin1");
/** The head of an ISO media file: its major brand and its compatible brands. */
const media = (...brands: string[]) =>
  bytesOf(
    `\0\0\0${String.fromCharCode(12 + 4 * brands.length)}ftyp${brands[0]}\0\0\0\0${brands.slice(1).join("")}mdat`,
  );

/** Heads according to the formats' specifications. */
const FOREIGN: readonly [string, Uint8Array][] = [
  ["empty", bytesOf("")],
  ["a JPEG 2000 image", bytesOf("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ")],
  ["a JPEG 2000 image", bytesOf("\xff\x4f\xff\x51\0\x29")],
  ["a JPEG XL image", bytesOf("\xff\x0a\xfa")],
  ["a TIFF, or a camera's raw image", bytesOf("II*\0\x08\0\0\0")],
  ["a TIFF, or a camera's raw image", bytesOf("MM\0*\0\0\0\x08")],
  ["a HEIC image", media("heic", "mif1", "heic")],
  ["a HEIC image", media("mif1", "mif1", "heic")],
  ["a camera's raw image (CR3)", media("crx ", "crx ", "isom")],
  ["a video (MP4 or QuickTime)", media("isom", "isom", "mp42")],
  ["a Photoshop file (PSD)", bytesOf("8BPS\0\x01")],
  ["a BMP image", bytesOf("BM\x36\x10\0\0\0\0\0\0\x36\0\0\0")],
  ["a portable pixmap (PBM, PGM, PPM or PAM)", bytesOf("P6 40 40 255\n\0\0")],
  ["an icon (ICO)", bytesOf("\0\0\x01\0\x01\0")],
  ["a PDF", bytesOf("%PDF-1.7\n")],
  ["a ZIP archive", bytesOf("PK\x03\x04\x14")],
  ["an HTML page", bytesOf("\n<!DOCTYPE html><title>404</title>")],
  ["an SVG drawing", bytesOf('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
  ["XML", bytesOf('<?xml version="1.0"?><error/>')],
  ["a pointer of Git LFS: the file itself was not downloaded", bytesOf("version https://git-lfs.github.com/spec/v1\n")],
  ["text", bytesOf("BMW is a car\n")],
  ["text", bytesOf("\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe")],
  ["text (UTF-16)", bytesOf("\xff\xfeh\0i\0")],
  ["zeros, as in a file that was not written completely", new Uint8Array(600)],
  ["in no known image format", bytesOf("\x01\x02\x03\x04")],
];

describe("formatOf", () => {
  test.each(FOREIGN)("recognises %s, and all readers refuse it", async (name, bytes) => {
    expect(formatOf(bytes)).toEqual({ name, read: false });
    for (const read of [readHeader, decodeImage]) {
      const error = await codedRejection(read(bytes, "a/photo.jpg"));
      expect(error.code).toBe("ERR_IMAGE");
      expect(error.message).toMatch(`cannot decode a/photo.jpg: it is ${name}`);
    }
  });

  test("recognises the supported formats, and reports a truncated file", async () => {
    const names = { jpeg: "a JPEG", png: "a PNG", webp: "a WebP image", avif: "an AVIF image", gif: "a GIF" } as const;
    for (const [format, name] of Object.entries(names)) {
      const whole = await picture(1, 300, 200)
        .toFormat(format as keyof typeof names)
        .toBuffer();
      expect(formatOf(whole)).toEqual({ name, read: true });
      const error = await codedRejection(decodeImage(whole.subarray(0, whole.length / 2), "x"));
      expect(error.message).toMatch(`cannot decode x: it is ${name}, truncated or damaged`);
    }
  });

  test("formats that libvips supports are refused by all readers in the same way", async () => {
    const tiff = await picture(1).tiff().toBuffer();
    expect((await sharp(tiff).metadata()).format).toBe("tiff");
    expect((await codedRejection(decodeImage(tiff, "x"))).message).toContain("it is a TIFF");
  });

  test("the message for an image with too many pixels says so", async () => {
    // The header of a small image with other sides and the right checksum.
    const bytes = await picture(1).png().toBuffer();
    bytes.writeUInt32BE(20_000, 16);
    bytes.writeUInt32BE(14_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    const error = await codedRejection(decodeImage(bytes, "x"));
    expect(error.message).toBe("cannot decode x: it is a PNG of more than 268 million pixels.");
  });
});
