/** Decodes a file to pixels, with the decoders of the browser. */
import { formatOf, HEAD_BYTES } from "../../images/file-format.js";
import type { RawImage } from "../../images/resize.js";
import { withoutAlpha } from "./square.js";

/** Largest number of pixels of a canvas that every browser supports. */
const MOST_PIXELS = 2 ** 24;

/**
 * Decodes a photo as training does: upright by its EXIF orientation, as 8-bit sRGB, transparent pixels on white. The browser shrinks a
 * photo of more than 16.7 million pixels; this is still far larger than the input of any network.
 *
 * @throws Error with a message for the user: the file is not a supported photo, or is damaged
 */
export async function decodePhoto(file: File): Promise<RawImage> {
  const format = formatOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  if (!format.read) {
    throw new Error(`${file.name} is ${format.name}. Choose a photo: a JPEG, PNG, WebP, AVIF or GIF.`);
  }
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(
      `${file.name} is ${format.name} that the browser cannot decode. The file is incomplete or damaged.`,
    );
  });
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.floor(bitmap.width * scale));
  const height = Math.max(1, Math.floor(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { pixels: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height };
}
