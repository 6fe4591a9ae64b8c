/** Recognises the format of a file by its first bytes, whatever its name is. */

/** A file format. */
export interface FileFormat {
  /** With its article: "a JPEG", "text". */
  readonly name: string;
  /** Whether it is a supported format of photos. */
  readonly read: boolean;
}

/** Number of first bytes that is enough to recognise every format below. */
export const HEAD_BYTES = 512;

/** A signature: bytes (as Latin-1) at an offset, by default 0. */
interface Signature {
  readonly name: string;
  readonly bytes: string;
  readonly at?: number;
  readonly read?: true;
}

/**
 * Signatures of formats that files with an image's name can have: from the Library of Congress's "Sustainability of Digital
 * Formats" (https://www.loc.gov/preservation/digital/formats) and from the formats' own specifications.
 */
const SIGNATURES: readonly Signature[] = [
  { name: "a JPEG", bytes: "\xff\xd8\xff", read: true },
  { name: "a PNG", bytes: "\x89PNG\r\n\x1a\n", read: true },
  { name: "a GIF", bytes: "GIF8", read: true },
  { name: "a WebP image", bytes: "WEBP", at: 8, read: true },
  { name: "a JPEG 2000 image", bytes: "\0\0\0\x0cjP  \r\n\x87\n" },
  { name: "a JPEG 2000 image", bytes: "\xff\x4f\xff\x51" },
  { name: "a JPEG XL image", bytes: "\0\0\0\x0cJXL \r\n\x87\n" },
  { name: "a JPEG XL image", bytes: "\xff\x0a" },
  { name: "a JPEG XR image", bytes: "II\xbc\x01" },
  { name: "a TIFF, or a camera's raw image", bytes: "II*\0" },
  { name: "a TIFF, or a camera's raw image", bytes: "MM\0*" },
  { name: "a TIFF", bytes: "II+\0" },
  { name: "a TIFF", bytes: "MM\0+" },
  { name: "a Photoshop file (PSD)", bytes: "8BPS" },
  { name: "an icon (ICO)", bytes: "\0\0\x01\0" },
  { name: "an OpenEXR image", bytes: "v/1\x01" },
  { name: "a Radiance image (HDR)", bytes: "#?RADIANCE" },
  { name: "a DirectDraw texture (DDS)", bytes: "DDS " },
  { name: "a FITS image", bytes: "SIMPLE  =" },
  { name: "a DICOM image", bytes: "DICM", at: 128 },
  { name: "a NumPy array", bytes: "\x93NUMPY" },
  { name: "a PDF", bytes: "%PDF" },
  { name: "a PostScript file", bytes: "%!PS" },
  { name: "a ZIP archive", bytes: "PK\x03\x04" },
  { name: "a gzip archive", bytes: "\x1f\x8b" },
  { name: "a RAR archive", bytes: "Rar!" },
  { name: "a 7-Zip archive", bytes: "7z\xbc\xaf" },
  { name: "a Matroska or WebM video", bytes: "\x1a\x45\xdf\xa3" },
  { name: "a macOS metadata file (AppleDouble)", bytes: "\0\x05\x16\x07" },
];

/** Brands of the ISO base media file format (ISO 14496-12), as in its `ftyp` box. */
const BRANDS: readonly (readonly [FileFormat, readonly string[]])[] = [
  [{ name: "an AVIF image", read: true }, ["avif", "avis"]],
  [{ name: "a HEIC image", read: false }, ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]],
  [{ name: "a camera's raw image (CR3)", read: false }, ["crx "]],
];

/**
 * The format of a file.
 *
 * @param head at least its first {@link HEAD_BYTES} bytes, or all of a shorter file
 */
export function formatOf(head: Uint8Array): FileFormat {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  const notRead = (name: string): FileFormat => ({ name, read: false });
  if (text === "") return notRead("empty");
  const found = SIGNATURES.find(({ bytes, at = 0 }) => text.startsWith(bytes, at));
  if (found !== undefined) return { name: found.name, read: found.read === true };
  if (text.startsWith("ftyp", 4)) return mediaFormat(text);
  // Text can also begin with BM, but not with four zero bytes after the size.
  if (/^BM[\s\S]{4}\0{4}/.test(text)) return notRead("a BMP image");
  if (/^P[1-7][\s#]/.test(text)) return notRead("a portable pixmap (PBM, PGM, PPM or PAM)");
  if (/^\0+$/.test(text)) return notRead("zeros, as in a file that was not written completely");
  return textFormat(text) ?? notRead("in no known image format");
}

function mediaFormat(text: string): FileFormat {
  const length = Math.max(16, text.charCodeAt(2) * 256 + text.charCodeAt(3));
  const brands: readonly string[] = text.slice(8, length).match(/[\s\S]{4}/g) ?? [];
  const known = BRANDS.find(([, own]) => brands.some((brand) => own.includes(brand)));
  return known?.[0] ?? { name: "a video (MP4 or QuickTime)", read: false };
}

/** Text has no control characters except white space. Every binary format has some in its first bytes. */
function textFormat(text: string): FileFormat | undefined {
  const plain = text.replace(/^\xef\xbb\xbf/, "").trimStart();
  const name = (name: string): FileFormat => ({ name, read: false });
  if (/^(\xff\xfe|\xfe\xff)/.test(text)) return name("text (UTF-16)");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters distinguish binary files from text
  if (/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(plain)) return undefined;
  if (/^version https:\/\/git-lfs/.test(plain)) return name("a pointer of Git LFS: the file itself was not downloaded");
  if (/<(!doctype html|html|head|body)\b/i.test(plain)) return name("an HTML page");
  if (/<svg\b/i.test(plain)) return name("an SVG drawing");
  if (/^<\?xml/.test(plain)) return name("XML");
  return name("text");
}
