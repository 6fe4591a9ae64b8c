/** Decodes image files to upright 8-bit RGB pixels by libvips (sharp). */

import sharp, { type Sharp } from "sharp";
import { RunError } from "../errors.js";
import type { Size } from "./crop.js";
import { formatOf } from "./file-format.js";
import { hasTooManyScans, MOST_SCANS } from "./jpeg-scans.js";
import type { RawImage } from "./resize.js";

/** The supported formats by sharp's names, with their file extensions. */
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
   * @param reason the format of the file, and what is wrong with it
   */
  constructor(
    file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super("ERR_IMAGE", `cannot decode ${file}: ${reason}.`, options);
  }
}

/** The background of transparent pixels. */
export const BACKGROUND = "#ffffff";

/** The contents of an image's header. */
export interface ImageHeader {
  /** One of the keys of {@link IMAGE_FORMATS}. */
  readonly format: string;
  /** After the rotation by the EXIF orientation. */
  readonly width: number;
  readonly height: number;
}

/**
 * Configures sharp for a worker thread, for the whole process: one libvips thread per image, since the workers run in parallel
 * already; and no cache of operations, since no image is decoded twice in the same way.
 */
export function configureDecoder(): void {
  sharp.concurrency(1);
  sharp.cache(false);
}

/**
 * A pipeline that returns the first frame upright. A truncated file is always an error. Damage that the decoder can ignore is an
 * error only if `strict`.
 */
function open(bytes: Uint8Array, strict = false): Sharp {
  return sharp(bytes, { failOn: strict ? "warning" : "error", autoOrient: true, pages: 1 });
}

/**
 * Reads the header of an image.
 *
 * @param file the name for the message
 * @throws RunError ERR_IMAGE where it is not an image in one of the supported formats
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
 * Decodes the first frame of an image. It is turned upright by its EXIF orientation. Its colours (grey, CMYK, 16-bit, with a
 * colour profile) are converted to 8-bit sRGB. Transparency gets a white background.
 *
 * @param file the name for the message
 * @param size decodes at this size in the cheapest way instead of the image's own size: a JPEG is scaled by 1/2, 1/4 or
 *   1/8 while it is decoded, and then resized by libvips
 * @param strict also refuses damage that other programs ignore, such as a few wrong bytes inside of a JPEG
 * @throws RunError ERR_IMAGE where it cannot be decoded, or is truncated
 */
export async function decodeImage(bytes: Uint8Array, file: string, size?: Size, strict = false): Promise<RawImage> {
  checkFormat(bytes, file);
  if (hasTooManyScans(bytes)) throw new ImageError(file, `it is a JPEG of more than ${MOST_SCANS} scans`);
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
 * Factors by which an image is shrunk while it is decoded. From these factors on, libvips scales a JPEG by 1/8, 1/4 and 1/2
 * in its cosine transform, which saves most of the work. It does not do so for factors 2 to 3, 4 to 5 and 8 to 9.
 */
const REDUCTIONS = [9, 5, 3];

/**
 * The size at which to decode an image.
 *
 * @param spare the image has this many times the pixels that must be kept, along each side
 * @returns undefined for the image's own size
 */
export function decodeSize({ width, height }: Size, spare: number): Size | undefined {
  const reduction = REDUCTIONS.find((factor) => spare >= factor);
  if (reduction === undefined) return undefined;
  // Rounded down, so that the factor is reached along both sides.
  return { width: Math.max(1, Math.floor(width / reduction)), height: Math.max(1, Math.floor(height / reduction)) };
}

/** Refuses formats that libvips may support but this program does not, so that all readers refuse the same files. */
function checkFormat(bytes: Uint8Array, file: string): void {
  const reason = unreadReason(bytes);
  if (reason !== undefined) throw new ImageError(file, reason);
}

/** Why a file with these first bytes cannot be read; undefined where it may be an image. */
export function unreadReason(head: Uint8Array): string | undefined {
  const { name, read } = formatOf(head);
  if (read) return undefined;
  return `it is ${name}${head.length === 0 ? "" : "; only JPEG, PNG, WebP, AVIF and GIF are supported"}`;
}

function imageError(bytes: Uint8Array, file: string, cause: unknown): ImageError {
  const { name } = formatOf(bytes);
  // libvips writes a line for each stage. The first one has the reason.
  const said = (cause as Error).message.trim().split("\n")[0];
  const limit = /exceeds pixel limit/.test(said);
  // libvips can report this where several threads have errors at the same time.
  const why = said === "Unknown error" ? "" : ` (${said})`;
  const reason = limit ? `it is ${name} of more than 268 million pixels` : `it is ${name}, truncated or damaged${why}`;
  return new ImageError(file, reason, { cause });
}
