/** Images in a grid, as a PNG. */
import sharp from "sharp";
import { gridLayout } from "./grid-layout.js";

/**
 * Rows of images of the same size, enlarged without smoothing, with a thin white gap between them.
 *
 * @param rows each a list of images, uint8 HWC RGB of side x side
 * @param zoom integer factor by which each pixel is enlarged
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

/**
 * The images of a picture of {@link gridPng}.
 *
 * @param rows the number of rows
 * @returns    the rows of images at their original size, uint8 HWC RGB of side x side; undefined for any other picture
 */
export async function readGrid(
  png: Uint8Array,
  rows: number,
): Promise<{ readonly side: number; readonly images: readonly (readonly Uint8Array[])[] } | undefined> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width } = info;
  const layout = gridLayout(width, info.height, rows);
  if (layout === undefined) return undefined;
  const { zoom, side, cell, columns } = layout;
  const image = (row: number, column: number) => {
    const pixels = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const source = ((zoom + row * cell + y * zoom) * width + zoom + column * cell + x * zoom) * 3;
        const target = (y * side + x) * 3;
        for (let channel = 0; channel < 3; channel++) pixels[target + channel] = data[source + channel];
      }
    }
    return pixels;
  };
  const images = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, c) => image(row, c)));
  return { side, images };
}
