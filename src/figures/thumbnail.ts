/** Small images for pages that show many of them. */
import sharp from "sharp";

/** Longest side of a thumbnail in pixels. */
const SIDE = 96;

/**
 * A square image, shrunk to 96 pixels as a JPEG. A smaller image keeps its pixels, as a PNG.
 *
 * @param pixels (side, side, 3) uint8, RGB
 */
export async function thumbnail(
  pixels: Uint8Array,
  side: number,
): Promise<{ readonly ending: "jpg" | "png"; readonly data: Buffer }> {
  const image = sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
  if (side <= SIDE) return { ending: "png", data: await image.png().toBuffer() };
  return { ending: "jpg", data: await image.resize(SIDE, SIDE).jpeg({ quality: 82 }).toBuffer() };
}

/** A square image as a PNG of a few kilobytes. An image of more than 96 pixels is shrunk and gets a palette. */
export function smallPng(pixels: Uint8Array, side: number): Promise<Buffer> {
  const image = sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
  if (side <= 64) return image.png().toBuffer();
  const size = Math.min(side, SIDE);
  return image.resize(size, size).png({ palette: true, colours: 64, effort: 1 }).toBuffer();
}
