/** Packs a folder of photos into shards in the layout of WebDataset. */

import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { UsageError } from "../../errors.js";
import { configureDecoder, IMAGE_FORMATS, readHeader } from "../../images/decode.js";
import { Purpose, permutation } from "../../random.js";
import { removeTemporaryFiles, writeFileAtomic } from "../../runs/atomic-file.js";
import { type ImageFolder, PARTS, type Photo } from "../folders/image-folder.js";
import { photosIn, recogniseFolder } from "../folders/recognise-folder.js";
import { readingFindings, refuseFolder } from "../inspection/check-structure.js";
import type { Finding } from "../inspection/findings.js";
import { inspectPhotos } from "../inspection/inspection.js";
import { defaultWorkers } from "../loading/worker-threads.js";
import { LeftOutPhotos } from "../photos/bad-photos.js";
import { badPhotos } from "../photos/quick-check.js";
import { photoPath, readPhoto } from "../photos/read-photo.js";
import { beginSet, completeSet } from "../writing/set-manifest.js";
import { inOrder } from "./in-order.js";
import { CLASSES_FILE, type ListedShard, type SetIndex } from "./set-index.js";
import { keptIndex } from "./shard-index.js";
import { SHARDS_INDEX, SHARDS_MANIFEST } from "./shard-names.js";
import { isFinished, ShardWriter } from "./shard-writer.js";
import { shrink } from "./shrink.js";

/** Default size of a shard in bytes. */
const SHARD_BYTES = 256e6;
/** Number of digits in the name of a shard. */
const DIGITS = 6;

export interface PackOptions {
  /** The folder of the shards. It must be new, empty, or hold an unfinished set with the same settings. */
  readonly to: string;
  /** Maximum size of a shard in bytes, which a single photo may exceed; by default 256 MB. */
  readonly shardSize?: number;
  /** Shrinks photos with a longer short side to this side, as JPEG files. By default every photo keeps its bytes. */
  readonly resize?: number;
  /** `done` counts the photos that were checked plus those that were packed. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PackedShards {
  readonly to: string;
  readonly shards: number;
  readonly photos: number;
  readonly bytes: number;
  /** Findings about how the folder was read. */
  readonly findings: readonly Finding[];
}

/**
 * Packs photos into shards `PART-NNNNNN.tar` for each part. For a folder without parts they are `photos-NNNNNN.tar`, which are
 * split when they are opened, as the folder itself would be.
 *
 * A photo is a member `KEY.jpg` (or .png, .webp, .avif, .gif) and a member `KEY.cls` with the number of its class. The key is its
 * path without dots. Photos are in a random order, which is always the same, so that every shard has photos of all classes. The
 * index of each shard is beside it, and `index.json` and `classes.txt` describe the set.
 *
 * Every photo is decoded before anything is written. Shards appear when they are complete. An unfinished set is resumed.
 *
 * @throws UsageError ERR_SHARD_SIZE, ERR_IMAGE_SIZE where an option is out of range
 * @throws UsageError ERR_DATA_MISSING, ERR_DATA_LAYOUT, ERR_DATA_CHECK where there are no photos to pack
 * @throws UsageError ERR_BAD_IMAGES where photos cannot be decoded; the message lists them
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made with other settings
 * @throws RunError ERR_WRITE where the folder cannot be written
 */
export async function packShards(path: string, options: PackOptions): Promise<PackedShards> {
  const { to, shardSize = SHARD_BYTES, resize, onProgress } = options;
  if (!(Number.isSafeInteger(shardSize) && shardSize >= 2 ** 16)) {
    const rule = "must be an integer of bytes, at least 64 KiB; the usual sizes are 100 MB to 1 GB";
    throw new UsageError("ERR_SHARD_SIZE", `packShards: \`shardSize\` ${rule}; got ${shardSize}.`);
  }
  if (resize !== undefined && !(Number.isSafeInteger(resize) && resize >= 8)) {
    const rule = "must be an integer of at least 8, the short side in pixels";
    throw new UsageError("ERR_IMAGE_SIZE", `packShards: \`resize\` ${rule}; got ${resize}.`);
  }
  const folder = await photosToPack(path);
  const findings = readingFindings(folder);
  refuseFolder(path, findings, "packShards");
  const count = PARTS.reduce((sum, part) => sum + (folder.parts[part]?.length ?? 0), 0);
  const photos = await checkPhotos(folder, (done) => onProgress?.(done, 2 * count));
  const madeFrom = { data: folder.name, photos, "shard size": shardSize, resize: resize ?? null };
  const begun = beginSet(to, SHARDS_MANIFEST, madeFrom, folder.classes);
  if (begun) removeTemporaryFiles(to);
  writeFileAtomic(join(to, CLASSES_FILE), folder.classes.map((name) => `${name}\n`).join(""));

  const shards: ListedShard[] = [];
  const progress = (packed: number) => onProgress?.(count + packed, 2 * count);
  for (const part of PARTS) {
    const list = folder.parts[part] ?? [];
    if (list.length === 0) continue;
    const done = shards.reduce((sum, { photos }) => sum + photos, 0);
    const name = folder.hasParts ? part : "photos";
    shards.push(
      ...(await packPart(folder, list, { ...options, shardSize, name, onPacked: (n) => progress(done + n) })),
    );
  }
  const index: SetIndex = { schema: 1, classes: folder.classes, shards };
  writeFileAtomic(join(to, SHARDS_INDEX), `${JSON.stringify(index, undefined, 1)}\n`);
  completeSet(to, SHARDS_MANIFEST);
  return {
    to,
    shards: shards.length,
    photos: count,
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    findings,
  };
}

async function photosToPack(path: string): Promise<ImageFolder> {
  const recognised = recogniseFolder(path, "packShards");
  if (recognised.kind !== "memory") return photosIn(path, recognised, "packShards");
  throw new UsageError(
    "ERR_DATA_LAYOUT",
    `packShards: ${path} holds images that are read into memory as a whole, for which shards have no benefit. Give a folder of photos.`,
  );
}

/** @returns a digest of all photos, their names and classes */
async function checkPhotos({ root, classes, parts }: ImageFolder, onChecked: (done: number) => void): Promise<string> {
  const photos = PARTS.flatMap((part) => (parts[part] ?? []).map((photo) => ({ ...photo, part })));
  const inspections = await inspectPhotos(
    photos.map(({ file }) => photoPath(root, file)),
    { onProgress: onChecked },
  );
  const files = photos.map(({ file }) => file);
  new LeftOutPhotos(root, {}).addBefore(badPhotos(files, inspections));
  const hash = createHash("sha256");
  photos.forEach(({ file, label, part }, i) => {
    hash.update(JSON.stringify([part, file, classes[label], inspections[i].digest]));
  });
  return hash.digest("hex");
}

interface PartOptions extends PackOptions {
  readonly shardSize: number;
  /** The first part of the shards' names. */
  readonly name: string;
  readonly onPacked: (photos: number) => void;
}

/** Writes the missing shards of a part. @returns all of its shards */
async function packPart(folder: ImageFolder, photos: readonly Photo[], options: PartOptions): Promise<ListedShard[]> {
  const { to, shardSize, resize, name, onPacked } = options;
  const keys = keysOf(folder, photos);
  const shards: ListedShard[] = [];
  let packed = 0;
  const shardPath = () => join(to, `${name}-${String(shards.length).padStart(DIGITS, "0")}.tar`);
  const listShard = (shard: string, photos: number, bytes: number, sha256: string) => {
    shards.push({ file: basename(shard), photos, bytes, sha256 });
    packed += photos;
    onPacked(packed);
  };
  for (;;) {
    const shard = shardPath();
    // The index is written after its shard, so that a shard with an index is complete.
    const kept = isFinished(shard) ? keptIndex(shard) : undefined;
    if (kept === undefined) break;
    listShard(shard, kept.photos.length, kept.bytes, kept.version);
  }
  const order = permutation(0, Purpose.shards, 0, photos.length).subarray(packed);
  if (resize !== undefined) configureDecoder();
  const bytesOf = async (index: number) => {
    const path = photoPath(folder.root, photos[index].file);
    const bytes = await readPhoto(path);
    // The extension of a file can differ from its format.
    return resize === undefined
      ? { bytes, format: (await readHeader(bytes, path)).format }
      : shrink(bytes, path, resize);
  };
  let writer: ShardWriter | undefined;
  try {
    let at = 0;
    for await (const { bytes, format } of inOrder(order, 2 * defaultWorkers(), bytesOf)) {
      const index = order[at++];
      if (writer !== undefined && !writer.hasRoom(shardSize, keys[index], bytes.length)) {
        const { path, photos, size, sha256 } = await writer.finish();
        listShard(path, photos, size, sha256);
        writer = undefined;
      }
      writer ??= new ShardWriter(shardPath());
      await writer.add(keys[index], IMAGE_FORMATS[format][0], bytes, photos[index].label);
      onPacked(packed + writer.photos);
    }
    if (writer !== undefined) {
      const { path, photos, size, sha256 } = await writer.finish();
      listShard(path, photos, size, sha256);
    }
  } catch (error) {
    await writer?.abandon();
    throw error;
  }
  return shards;
}

/** The key of each photo: its path in its part, without the extension. Other dots are replaced, since a dot ends a key. */
function keysOf({ hasParts }: ImageFolder, photos: readonly Photo[]): string[] {
  const used = new Set<string>();
  return photos.map(({ file }) => {
    const inside = file.replace(/^.*?\.tar\//i, "");
    const path = hasParts && inside === file ? file.slice(file.indexOf("/") + 1) : inside;
    // Dots end a key, backslashes are refused, and names between two underscores are those of webdataset's own members.
    const plain = path.replace(/\.[^./]*$/, "").replace(/[.\\]/g, "_");
    const key = /^__[^/]*__(\/|$)/.test(plain) ? `-${plain}` : plain;
    let free = key;
    for (let n = 2; used.has(free); n++) free = `${key}-${n}`;
    used.add(free);
    return free;
  });
}
