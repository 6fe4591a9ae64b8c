/** From an image file to upright 8-bit RGB pixels, through libvips (sharp). */

import sharp, { type Sharp } from "sharp";
import { RunError } from "../errors.js";
import type { Size } from "./crop.js";
import { formatOf } from "./file-format.js";
import type { RawImage } from "./resize.js";

/** The formats that are read, by sharp's names, with the file extensions they go by. */
export const IMAGE_FORMATS: Readonly<Record<string, readonly string[]>> = {
  jpeg: ["jpg", "jpeg", "jpe", "jfif"],
  png: ["png"],
  webp: ["webp"],
  avif: ["avif"],
  gif: ["gif"],
};

/** An image that cannot be read or decoded: ERR_IMAGE. */
export class ImageError extends RunError {
  /**
   * @param file   the name for the message
   * @param reason what the file is, and what is wrong with it
   */
  constructor(
    file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super("ERR_IMAGE", `cannot decode ${file}: ${reason}.`, options);
  }
}

/** What transparent pixels are laid on. */
export const BACKGROUND = "#ffffff";

/** What the header of an image says. */
export interface ImageHeader {
  /** One of the keys of {@link IMAGE_FORMATS}. */
  readonly format: string;
  /** After the rotation that the EXIF orientation asks for. */
  readonly width: number;
  readonly height: number;
}

/**
 * Makes sharp suit a worker thread: one libvips thread per image, since the workers are the parallelism, and no cache of
 * operations, since no image is decoded twice in the same way. Both settings are the whole process's.
 */
export function configureDecoder(): void {
  sharp.concurrency(1);
  sharp.cache(false);
}

/**
 * A pipeline that gives the first frame upright. A truncated file is an error; damage that the decoder gets over is one
 * where it is `strict`.
 */
function open(bytes: Uint8Array, strict = false): Sharp {
  return sharp(bytes, { failOn: strict ? "warning" : "error", autoOrient: true, pages: 1 });
}

/**
 * Reads the header of an image.
 *
 * @param file the name for the message
 * @throws RunError ERR_IMAGE where it is not an image in one of the formats
 */
export async function readHeader(bytes: Uint8Array, file: string): Promise<ImageHeader> {
  checkFormat(bytes, file);
  try {
    const { format, autoOrient } = await open(bytes).metadata();
    return { format: format === "heif" ? "avif" : format, ...autoOrient };
  } catch (cause) {
    throw imageError(bytes, file, cause);
  }
}

/**
 * Decodes an image: the first frame, turned upright by its EXIF orientation, colours (grey, CMYK, 16-bit, with a colour
 * profile) converted to 8-bit sRGB, transparency laid on white.
 *
 * @param file the name for the message
 * @param size decodes at this size instead of the image's own, by the cheapest way: a JPEG is scaled by 1/2, 1/4 or 1/8
 *   while it is decoded, and then resized by libvips
 * @param strict refuses also damage that other programs overlook, such as a few wrong bytes inside of a JPEG
 * @throws RunError ERR_IMAGE where it cannot be decoded, or is truncated
 */
export async function decodeImage(bytes: Uint8Array, file: string, size?: Size, strict = false): Promise<RawImage> {
  checkFormat(bytes, file);
  try {
    const pipeline = open(bytes, strict).flatten({ background: BACKGROUND }).toColourspace("srgb");
    if (size !== undefined) pipeline.resize(size.width, size.height, { fit: "fill", kernel: "cubic" });
    const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return { pixels: data, width: info.width, height: info.height };
  } catch (cause) {
    throw imageError(bytes, file, cause);
  }
}

/**
 * By how much an image is made smaller while it is decoded. From these factors on libvips has a JPEG scaled by 1/8, 1/4 and
 * 1/2 in its cosine transform, which saves most of the work; it does not do so for 2 to 3, 4 to 5 and 8 to 9.
 */
const REDUCTIONS = [9, 5, 3];

/**
 * The size at which to decode an image.
 *
 * @param spare how many times the pixels that must be kept the image has, along each side
 * @returns undefined for the image's own size
 */
export function decodeSize({ width, height }: Size, spare: number): Size | undefined {
  const reduction = REDUCTIONS.find((factor) => spare >= factor);
  if (reduction === undefined) return undefined;
  // Rounded down, so that the factor is reached in both directions.
  return { width: Math.max(1, Math.floor(width / reduction)), height: Math.max(1, Math.floor(height / reduction)) };
}

/** libvips could read some formats that no image of ours may have: the same ones are refused wherever a file is read. */
function checkFormat(bytes: Uint8Array, file: string): void {
  const reason = unreadReason(bytes);
  if (reason !== undefined) throw new ImageError(file, reason);
}

/** Why a file with these first bytes is not read, whatever follows; undefined where it may be an image. */
export function unreadReason(head: Uint8Array): string | undefined {
  const { name, read } = formatOf(head);
  if (read) return undefined;
  return `it is ${name}${head.length === 0 ? "" : "; only JPEG, PNG, WebP, AVIF and GIF are read"}`;
}

function imageError(bytes: Uint8Array, file: string, cause: unknown): ImageError {
  const { name } = formatOf(bytes);
  // libvips gives a line per stage; the first says what is wrong.
  const said = (cause as Error).message.trim().split("\n")[0];
  const limit = /exceeds pixel limit/.test(said);
  // So it says where several threads meet errors at once.
  const why = said === "Unknown error" ? "" : ` (${said})`;
  const reason = limit ? `it is ${name} of more than 268 million pixels` : `it is ${name}, cut off or damaged${why}`;
  return new ImageError(file, reason, { cause });
}
