/** Photos made smaller, to be stored. */

import sharp from "sharp";
import { BACKGROUND, ImageError, readHeader } from "../../images/decode.js";

/** Of JPEG files: what a network learns from them does not suffer, and a photo takes about a tenth of its pixels' bytes. */
const QUALITY = 92;

/** The bytes of a photo's file, and one of the keys of `IMAGE_FORMATS`. */
export interface StoredPhoto {
  readonly bytes: Uint8Array;
  readonly format: string;
}

/**
 * A photo with its short side brought to `side`, as an upright JPEG in sRGB, transparency laid on white. One that is not larger keeps
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
    throw new ImageError(file, `it cannot be made smaller (${(cause as Error).message.trim().split("\n")[0]})`, {
      cause,
    });
  }
}
