/** The quick look into files: their sizes and first bytes. */

import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./check.js";
import type { ImageFolder } from "./image-folder.js";

/** Long enough for the signature of every format. */
const HEAD_BYTES = 16;

/** Files that cannot be opened, are empty, or start like no image. */
export function checkHeads({ root, parts }: ImageFolder): Finding[] {
  const wrong = Object.values(parts).flatMap((photos) =>
    photos.map(({ file }) => file).filter((file) => !startsLikeAnImage(join(root, file))),
  );
  if (wrong.length === 0) return [];
  return [
    {
      code: "undecodable",
      severity: "error",
      message: "files are empty, unreadable or no images, whatever their names say",
      files: wrong,
      remedy: "Replace or remove them, or let them be skipped (--on-bad-image skip).",
    },
  ];
}

function startsLikeAnImage(path: string): boolean {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const descriptor = openSync(path, "r");
    try {
      readSync(descriptor, head, 0, HEAD_BYTES, 0);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
  const text = head.toString("latin1");
  return (
    text.startsWith("\xff\xd8\xff") || // JPEG
    text.startsWith("\x89PNG\r\n\x1a\n") ||
    text.startsWith("GIF8") ||
    (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") ||
    text.slice(4, 8) === "ftyp" // AVIF
  );
}
