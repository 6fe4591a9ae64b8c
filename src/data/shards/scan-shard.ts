/** Lists the photos of a shard. Only the headers of its members and the first and last bytes of the photos are read. */

import { UsageError } from "../../errors.js";
import { unreadReason } from "../../images/decode.js";
import { extensionOf, isHidden, isPhotoName } from "../folders/image-names.js";
import { KEY_BYTES, photoKey } from "../photos/photo-key.js";
import { endsWell } from "../photos/quick-check.js";
import type { ByteSource } from "./byte-source.js";
import { isSafeName, type ShardPhoto } from "./shard-index.js";
import { BLOCK, readPaxRecords, readTarHeader, type TarHeader, textOf } from "./tar-headers.js";

/** Bytes per read. One read mostly covers the end of a photo, the next headers and the beginning of the next photo. */
const CHUNK = 32_768;
/** Maximum size of the text of a class and of an extended header. */
const MOST_TEXT = 1 << 16;

/** Members with the same name up to its first dot. */
interface Group {
  readonly key: string;
  readonly offset: number;
  photo?: Omit<ShardPhoto, "class">;
  class?: string;
}

/**
 * Lists the photos of a shard in the layout of WebDataset. A sample consists of consecutive members `KEY.jpg` (or .png, .webp,
 * .avif, .gif) and `KEY.cls`. Its other members are not read.
 *
 * @throws UsageError ERR_SHARD where it is truncated, damaged, or no shard of photos, or holds links or unsafe names
 * @throws RunError as the source
 */
export async function scanShard(source: ByteSource): Promise<ShardPhoto[]> {
  const { address, bytes: total } = source;
  let at = 0;
  const refuse = (reason: string): never => {
    throw shardError(address, at, reason);
  };
  const window = new Window(source);
  const photos = new Map<string, ShardPhoto>();
  const incomplete: Group[] = [];
  let group: Group | undefined;
  const finish = () => {
    if (group === undefined) return;
    if (group.photo === undefined || group.class === undefined) incomplete.push(group);
    else photos.set(group.photo.name, { ...group.photo, class: group.class });
    group = undefined;
  };
  let next: { path?: string; size?: number } = {};
  for (;;) {
    if (at + BLOCK > total) refuse("it has no end-of-archive block, so it is truncated");
    const found = readTarHeader(await window.at(at, BLOCK), refuse);
    if (found === undefined) break;
    const header: TarHeader = { ...found, name: next.path ?? found.name, size: next.size ?? found.size };
    const { kind, size } = header;
    const start = at + BLOCK;
    const end = start + Math.ceil(size / BLOCK) * BLOCK;
    if (end > total) {
      refuse(
        `it is truncated: ${JSON.stringify(header.name)} needs ${size} bytes, but only ${Math.max(0, total - start)} are left`,
      );
    }
    next = {};
    if (kind === "extended" || kind === "long-name") {
      if (size > MOST_TEXT) refuse(`an extended header has ${size} bytes, which is too much`);
      const text = await window.at(start, size);
      next = kind === "extended" ? readPaxRecords(text, refuse) : { path: textOf(text, refuse) };
    } else if (kind === "file") {
      const name = header.name.replace(/^(\.\/)+/, "");
      if (!isSafeName(name))
        refuse(`the name ${JSON.stringify(header.name)} leads out of the shard, or has a control character`);
      const [, key, extension] = /^((?:.*\/)?[^./][^./]*)\.([^/]*)$/.exec(name) ?? [];
      // The webdataset library writes members for itself whose names are between two underscores.
      if (key !== undefined && !isHidden(name.split("/").at(-1)!) && !/^__[^/]*__($|\/)/.test(name)) {
        if (group?.key !== key) {
          finish();
          group = { key, offset: at };
        }
        if (extension.toLowerCase() === "cls") {
          if (size > MOST_TEXT) refuse(`${JSON.stringify(name)} has ${size} bytes, which is too much for a class`);
          group.class = textOf(await window.at(start, size), refuse).trim();
        } else if (isPhotoName(name) && extensionOf(name) === extension.toLowerCase()) {
          if (group.photo !== undefined || photos.has(name)) refuse(`it holds ${JSON.stringify(key)} twice`);
          group.photo = await quickCheck(window, name, start, size);
        }
      }
    }
    at = end;
  }
  finish();
  if (photos.size === 0 || incomplete.length > 0) {
    at = incomplete[0]?.offset ?? 0;
    const first = incomplete[0];
    refuse(
      first === undefined
        ? "it holds no photos"
        : `${incomplete.length} of its ${photos.size + incomplete.length} samples lack the photo or the class, the first is ` +
            `${JSON.stringify(first.key)}, which has no ${first.photo === undefined ? "photo" : `${first.key}.cls`}. A shard has members ` +
            "KEY.jpg and KEY.cls for each photo; an archive of a folder of photos is to be unpacked",
    );
  }
  return [...photos.values()];
}

/** The quick check of the first and last bytes of a photo. */
async function quickCheck(
  window: Window,
  name: string,
  offset: number,
  length: number,
): Promise<Omit<ShardPhoto, "class">> {
  const ends = Math.min(length, KEY_BYTES);
  // Copied, since the window moves.
  const head = Buffer.from(await window.at(offset, ends));
  const tail = Buffer.from(await window.at(offset + length - ends, ends));
  const error = unreadReason(head);
  const doubtful = error === undefined && !endsWell(head, tail, length);
  return {
    name,
    offset,
    length,
    key: photoKey(length, head, tail),
    ...(error && { error }),
    ...(doubtful && { doubtful }),
  };
}

const shardError = (shard: string, offset: number, reason: string) =>
  new UsageError("ERR_SHARD", `cannot read the shard ${shard} at ${offset}: ${reason}.`);

/** The bytes around the current position. */
class Window {
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(readonly source: ByteSource) {}

  async at(start: number, length: number): Promise<Uint8Array> {
    if (start < this.#start || start + length > this.#start + this.#bytes.length) {
      this.#bytes = await this.source.read(start, Math.max(length, CHUNK));
      this.#start = start;
      if (this.#bytes.length < length)
        throw shardError(this.source.address, start, "it became shorter while it was read");
    }
    return this.#bytes.subarray(start - this.#start, start - this.#start + length);
  }
}
