/** What the name of a file or folder says: an image, a format that is not read, something that is not for people. */

import { extname } from "node:path";
import { IMAGE_FORMATS } from "../../images/decode.js";

const EXTENSIONS = new Set(Object.values(IMAGE_FORMATS).flat());

/** Formats of images that people have and this program does not read, by their extensions. */
const UNREAD_EXTENSIONS = new Set(
  (
    "heic heif hif bmp dib tif tiff ppm pgm pbm pnm pam pfm jp2 j2k jpf jpx jpm j2c jpc jxl jxr svg ico icns cur psd xcf tga " +
    "pcx exr hdr dds dcm fits raw dng cr2 cr3 nef nrw arw orf rw2 raf pef srw apng"
  ).split(" "),
);

/** Left behind by file managers, or made by the file system itself. */
const OF_THE_SYSTEM = new Set([
  "thumbs.db",
  "desktop.ini",
  "__macosx",
  "@eadir",
  "lost+found",
  "$recycle.bin",
  "system volume information",
]);

/** Hidden by its name, or nothing that people put there. */
export const isHidden = (name: string): boolean => name.startsWith(".") || OF_THE_SYSTEM.has(name.toLowerCase());

/** The extension of a file, in small letters and without its dot. */
export const extensionOf = (file: string): string => extname(file).slice(1).toLowerCase();

/** Whether a file is an image in a format that is read, by its name. */
export const isPhotoName = (file: string): boolean => EXTENSIONS.has(extensionOf(file));

/** Whether a file is an image in a format that is not read, by its name. */
export const isUnreadImageName = (file: string): boolean => UNREAD_EXTENSIONS.has(extensionOf(file));
