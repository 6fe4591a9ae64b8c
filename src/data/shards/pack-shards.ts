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

/** Bytes of a shard where nothing else is said. */
const SHARD_BYTES = 256e6;
/** A number in the name of a shard has so many digits. */
const DIGITS = 6;

export interface PackOptions {
  /** The folder of the shards: a new or an empty one, or one in which the same set was begun. */
  readonly to: string;
  /** A shard has at most so many bytes, or one photo; by default 256 MB. */
  readonly shardSize?: number;
  /** Makes photos whose short side is longer smaller, to this side, as JPEG files; by default every photo keeps its bytes. */
  readonly resize?: number;
  /** Photos that were checked or packed so far: each counts twice. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PackedShards {
  readonly to: string;
  readonly shards: number;
  readonly photos: number;
  readonly bytes: number;
  /** What is worth knowing of how the folder was read. */
  readonly findings: readonly Finding[];
}

/**
 * Writes `PART-NNNNNN.tar` for each part, or `photos-NNNNNN.tar` of a folder without parts, which is divided when the shards are
 * opened, as it would be itself. A photo is a member `KEY.jpg` (or .png, .webp, .avif, .gif) and one `KEY.cls` with the number
 * of its class; the key is its path without dots. Photos come in a random order, always the same one, so that every shard has photos of all classes.
 * Beside each shard lies its index, and `index.json` and `classes.txt` for all.
 *
 * Every photo is decoded before anything is written. Shards appear when they are whole, and a set that was begun is gone on with.
 *
 * @throws UsageError ERR_SHARD_SIZE, ERR_IMAGE_SIZE where an option is out of range
 * @throws UsageError ERR_DATA_MISSING, ERR_DATA_LAYOUT, ERR_DATA_CHECK where there are no photos to pack
 * @throws UsageError ERR_BAD_IMAGES where photos cannot be decoded, with all of them by their names
 * @throws UsageError ERR_SET_EXISTS where the folder holds something else, or a set made otherwise
 * @throws RunError ERR_WRITE where the folder cannot be written
 */
export async function packShards(path: string, options: PackOptions): Promise<PackedShards> {
  const { to, shardSize = SHARD_BYTES, resize, onProgress } = options;
  if (!(Number.isSafeInteger(shardSize) && shardSize >= 2 ** 16)) {
    const rule = "must be whole bytes, at least 64 KiB; the usual sizes are 100 MB to 1 GB";
    throw new UsageError("ERR_SHARD_SIZE", `packShards: \`shardSize\` ${rule}; got ${shardSize}.`);
  }
  if (resize !== undefined && !(Number.isSafeInteger(resize) && resize >= 8)) {
    const rule = "must be a whole number of pixels of at least 8, the short side";
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
    `packShards: ${path} holds images that are read into memory as a whole, so that shards of them would help nothing. Give a folder of photos.`,
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
  /** With which the names of the shards begin. */
  readonly name: string;
  readonly onPacked: (photos: number) => void;
}

/** Writes the shards of a part that are not there yet. @returns all of them */
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
    // The index of a shard is written when the shard is there.
    const kept = isFinished(shard) ? keptIndex(shard) : undefined;
    if (kept === undefined) break;
    listShard(shard, kept.photos.length, kept.bytes, kept.version);
  }
  const order = permutation(0, Purpose.shards, 0, photos.length).subarray(packed);
  if (resize !== undefined) configureDecoder();
  const bytesOf = async (index: number) => {
    const path = photoPath(folder.root, photos[index].file);
    const bytes = await readPhoto(path);
    // The name may say another format.
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

/** The key of each photo: its path in its part, without its extension; dots would end a key. */
function keysOf({ hasParts }: ImageFolder, photos: readonly Photo[]): string[] {
  const used = new Set<string>();
  return photos.map(({ file }) => {
    const inside = file.replace(/^.*?\.tar\//i, "");
    const path = hasParts && inside === file ? file.slice(file.indexOf("/") + 1) : inside;
    const key = path.replace(/\.[^./]*$/, "").replaceAll(".", "_");
    let free = key;
    for (let n = 2; used.has(free); n++) free = `${key}-${n}`;
    used.add(free);
    return free;
  });
}
