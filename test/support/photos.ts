import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { scanImageFolder } from "../../src/data/folders/image-folder.js";
import type { PhotoSet } from "../../src/data/photos/photo-set.js";
import { photoSet } from "../../src/data/photos/photo-set.js";
import { KeyedRandom, Purpose } from "../../src/random.js";

/** A picture that no other seed resembles: a coarse pattern of colours, blurred by enlarging it. */
export function picture(seed: number, width = 64, height = 48): Sharp {
  const random = new KeyedRandom(seed, Purpose.synthesis);
  const coarse = Uint8Array.from({ length: 6 * 5 * 3 }, (_, i) => random.integer(i, 256));
  return sharp(coarse, { raw: { width: 6, height: 5, channels: 3 } }).resize(width, height, {
    fit: "fill",
    kernel: "cubic",
  });
}

/** Writes a picture in the format of the path's extension, making the folders. */
export async function writePicture(path: string, image: Sharp): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await image.toFile(path);
}

/** Writes `counts[class]` different JPEG pictures of different sizes for each class into `folder/class`. */
export async function writeClasses(
  folder: string,
  counts: Readonly<Record<string, number>>,
  firstSeed = 0,
): Promise<void> {
  let seed = firstSeed;
  for (const [name, count] of Object.entries(counts)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const path = join(folder, name, `${String(i).padStart(3, "0")}.jpg`);
      await writePicture(path, picture(seed, 48 + (seed % 5) * 8, 48 + (seed % 3) * 16));
      seed++;
    }
  }
}

/** A JPEG of 600 x 400 with a few wrong bytes, which decoders get over with a warning. */
export async function damagedJpeg(): Promise<Uint8Array> {
  const noise = Uint8Array.from({ length: 600 * 400 * 3 }, (_, i) => (i * i * 7 + i * 13) % 251);
  const bytes = await sharp(noise, { raw: { width: 600, height: 400, channels: 3 } })
    .jpeg()
    .toBuffer();
  for (let i = 5000; i < 5100; i++) bytes[i] ^= 0x55;
  return bytes;
}

/** The training photos of a folder. */
export function trainingSet(path: string): PhotoSet {
  const folder = scanImageFolder(path)!;
  return photoSet(folder, folder.parts.train!, folder.parts.train!);
}
