/** Shrinks photos before they are stored. */

import sharp from "sharp";
import { BACKGROUND, ImageError, readHeader } from "../../images/decode.js";

/** JPEG quality. It does not harm training, and a photo takes about a tenth of the bytes of its pixels. */
const QUALITY = 92;

/** The bytes of a photo's file and its format, a key of `IMAGE_FORMATS`. */
export interface StoredPhoto {
  readonly bytes: Uint8Array;
  readonly format: string;
}

/**
 * Shrinks a photo to the short side `side`, as an upright JPEG in sRGB on a white background. A photo that is not larger keeps
 * its bytes.
 *
 * @param file the name for the message
 * @throws RunError ERR_IMAGE where it cannot be decoded
 */
export async function shrink(bytes: Uint8Array, file: string, side: number): Promise<StoredPhoto> {
  const { format, width, height } = await readHeader(bytes, file);
  if (Math.min(width, height) <= side) return { bytes, format };
  const short = width < height ? { width: side } : { height: side };
  try {
    const jpeg = await sharp(bytes, { failOn: "error", autoOrient: true, pages: 1 })
      .flatten({ background: BACKGROUND })
      .toColourspace("srgb")
      .resize({ ...short, kernel: "lanczos3" })
      .jpeg({ quality: QUALITY })
      .toBuffer();
    return { bytes: jpeg, format: "jpeg" };
  } catch (cause) {
    throw new ImageError(file, `it cannot be shrunk (${(cause as Error).message.trim().split("\n")[0]})`, {
      cause,
    });
  }
}
