/** Recognises by its name whether a file is an image, an image of an unsupported format, or a system file. */

import { extname } from "node:path";
import { IMAGE_FORMATS } from "../../images/decode.js";

const EXTENSIONS = new Set(Object.values(IMAGE_FORMATS).flat());

/** Common image formats that are not supported, by their extensions. */
const UNREAD_EXTENSIONS = new Set(
  (
    "heic heif hif bmp dib tif tiff ppm pgm pbm pnm pam pfm jp2 j2k jpf jpx jpm j2c jpc jxl jxr svg ico icns cur psd xcf tga " +
    "pcx exr hdr dds dcm fits raw dng cr2 cr3 nef nrw arw orf rw2 raf pef srw apng"
  ).split(" "),
);

/** Names of entries that file managers or the file system itself make. */
const OF_THE_SYSTEM = new Set([
  "thumbs.db",
  "desktop.ini",
  "__macosx",
  "@eadir",
  "lost+found",
  "$recycle.bin",
  "system volume information",
]);

/** Whether a name is hidden, or one that a system makes. */
export const isHidden = (name: string): boolean => name.startsWith(".") || OF_THE_SYSTEM.has(name.toLowerCase());

/** The extension of a file, in lower case and without its dot. */
export const extensionOf = (file: string): string => extname(file).slice(1).toLowerCase();

/** Whether a file has the extension of a supported image format. */
export const isPhotoName = (file: string): boolean => EXTENSIONS.has(extensionOf(file));

/** Whether a file has the extension of an unsupported image format. */
export const isUnreadImageName = (file: string): boolean => UNREAD_EXTENSIONS.has(extensionOf(file));
