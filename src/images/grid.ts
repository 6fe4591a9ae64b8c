/** Pictures for people: images in a grid, as a PNG. */
import sharp from "sharp";

/**
 * Rows of equal images, enlarged without smoothing, with a thin white gap between them.
 *
 * @param rows each a list of images, uint8 HWC RGB of side x side
 * @param zoom whole factor by which each pixel is enlarged
 * @returns    the bytes of a PNG
 */
export async function gridPng(rows: readonly (readonly Uint8Array[])[], side: number, zoom: number): Promise<Buffer> {
  const gap = zoom;
  const cell = side * zoom + gap;
  const width = Math.max(...rows.map((row) => row.length)) * cell + gap;
  const height = rows.length * cell + gap;
  const pixels = new Uint8Array(width * height * 3).fill(255);
  rows.forEach((row, r) => {
    row.forEach((image, c) => {
      for (let y = 0; y < side * zoom; y++) {
        for (let x = 0; x < side * zoom; x++) {
          const source = (Math.floor(y / zoom) * side + Math.floor(x / zoom)) * 3;
          const target = ((gap + r * cell + y) * width + gap + c * cell + x) * 3;
          pixels.set(image.subarray(source, source + 3), target);
        }
      }
    });
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
