/** Lists the photos in shards. */

import { dirname, resolve } from "node:path";
import { didYouMean, listed, UsageError } from "../../errors.js";
import { type ImageFolder, PARTS, type Part, type Photo } from "../folders/image-folder.js";
import { openBytes } from "./byte-source.js";
import { inOrder } from "./in-order.js";
import { scanShard } from "./scan-shard.js";
import { readBeside, readClasses, readSetIndex, type SetIndex } from "./set-index.js";
import { cacheIndex, forgetShard, indexPath, keptIndex, parseShardIndex, type ShardIndex } from "./shard-index.js";
import { indexBeside, isRemote, partOfShard, SHARDS_INDEX, SHARDS_MANIFEST } from "./shard-names.js";

/** Number of indexes that are read or made at the same time. */
const AT_A_TIME = 8;
/** Upper bound for class numbers where classes have no names. */
const MOST_CLASSES = 1_000_000;

/** The shards of one set, in one or several folders. */
interface FoundShards {
  /** The common beginning of their addresses, without the last "/". */
  readonly root: string;
  readonly shards: readonly string[];
  /** By folder. */
  readonly indexes: ReadonlyMap<string, SetIndex | undefined>;
}

/**
 * Lists the photos of shards. For a shard without an index beside it, one is made from the headers of the shard. It is kept in
 * the user's cache until the shard changes. The photos of one shard are consecutive, in the order of their bytes.
 *
 * @param path  as the user gave it
 * @param named the shards that it names, by {@link shardsNamed}
 * @throws UsageError ERR_SHARDS where shards of the index are missing, or parts or classes are unclear
 * @throws UsageError ERR_SHARD, ERR_SHARD_INDEX where one is damaged
 * @throws RunError ERR_NETWORK where a server fails
 */
export async function openShards(path: string, named: readonly string[]): Promise<ImageFolder> {
  const found = await findShards(path, named);
  const { root, shards, indexes } = found;
  const texts = new Set<string>();
  const photos: { file: string; text: string; part: Part | undefined }[] = [];
  let at = 0;
  for await (const index of inOrder(shards, AT_A_TIME, (shard) => indexOf(shard, indexes.get(folderOf(shard))))) {
    const shard = shards[at++];
    const relative = relativeTo(root, shard);
    const part = partOfShard(relative);
    for (const { name, class: text } of index.photos) {
      texts.add(text);
      photos.push({ file: `${relative}/${name}`, text, part });
    }
  }
  const parted = new Set(photos.map(({ part }) => part));
  if (parted.has(undefined) && parted.size > 1) {
    const lost = photos.find(({ part }) => part === undefined)!.file;
    throw new UsageError(
      "ERR_SHARDS",
      `shards: ${path} has shards whose names give a part (${PARTS.filter((part) => parted.has(part)).join(", ")}), and some whose ` +
        `names do not, such as ${lost.slice(0, lost.search(/\.tar\//i) + 4)}. Name all of them by their parts, or give only shards of one kind.`,
    );
  }
  const classes = await classesOf(found, texts);
  const label = labelling(path, classes, texts);
  const parts: Partial<Record<Part, Photo[]>> = {};
  for (const { file, text, part = "train" } of photos) {
    parts[part] ??= [];
    parts[part].push({ file, label: label.get(text)! });
  }
  return { root, name: root.split("/").at(-1)!, hasParts: !parted.has(undefined), classes, parts, ignored: [] };
}

async function findShards(path: string, named: readonly string[]): Promise<FoundShards> {
  const clean = path.replace(/\/+$/, "");
  if (isRemote(path) && !/\.tar$/i.test(clean)) {
    const index = await readSetIndex(clean);
    if (index === undefined) {
      throw new UsageError(
        "ERR_SHARDS",
        `shards: there is no ${clean}/${SHARDS_INDEX}, which \`data pack\` writes beside shards. Give their addresses with braces, such as ` +
          `${clean}/train-{000..012}.tar.`,
      );
    }
    const shards = index.shards.map(({ file }) => `${clean}/${file}`);
    return { root: clean, shards, indexes: new Map([[clean, index]]) };
  }
  const shards = named.map((shard) => (isRemote(shard) ? shard : resolve(shard)));
  const folders = [...new Set(shards.map(folderOf))];
  const indexes = new Map<string, SetIndex | undefined>();
  for (const folder of folders) {
    const index = await readSetIndex(folder);
    indexes.set(folder, index);
    if (resolve(path) !== folder) continue;
    if (index === undefined && (await readBeside(folder, SHARDS_MANIFEST)) !== undefined) {
      throw new UsageError(
        "ERR_SHARDS",
        `shards: ${path} is not packed completely. Run the same command again, which resumes where it stopped.`,
      );
    }
    const files = shards.filter((shard) => folderOf(shard) === folder).map((shard) => relativeTo(folder, shard));
    const lists = index?.shards.map(({ file }) => file) ?? files;
    const missing = lists.filter((file) => !files.includes(file));
    const added = files.filter((file) => !lists.includes(file));
    if (missing.length + added.length > 0) {
      throw new UsageError(
        "ERR_SHARDS",
        `shards: ${path} differs from its ${SHARDS_INDEX}: ` +
          [missing.length > 0 && `${listed(missing)} missing`, added.length > 0 && `${listed(added)} not listed`]
            .filter(Boolean)
            .join(", ") +
          ". Copy the whole set, or give the shards to use with braces.",
      );
    }
  }
  return { root: commonFolder(path, folders), shards, indexes };
}

const folderOf = (shard: string): string => (isRemote(shard) ? shard.slice(0, shard.lastIndexOf("/")) : dirname(shard));

/** @throws UsageError ERR_SHARDS where shards are on several servers */
function commonFolder(path: string, folders: readonly string[]): string {
  let parts = folders[0].split("/");
  for (const folder of folders) {
    const others = folder.split("/");
    const differs = parts.findIndex((part, i) => part !== others[i]);
    if (differs >= 0) parts = parts.slice(0, differs);
  }
  // The first three parts are "http:", "" and the name of the server.
  if (isRemote(folders[0]) && parts.length < 3) {
    throw new UsageError("ERR_SHARDS", `shards: all shards of ${path} must be on one server. Give the address of one.`);
  }
  return parts.join("/") || "/";
}

const relativeTo = (root: string, shard: string): string => shard.slice(root.length).replace(/^\//, "");

/** The index of a shard: the one beside it, the one in the cache, or a new one. */
async function indexOf(shard: string, set: SetIndex | undefined): Promise<ShardIndex> {
  const entry = set?.shards.find(({ file }) => shard.endsWith(`/${file}`));
  if (!isRemote(shard) && indexPath(shard) === indexBeside(shard)) {
    const index = keptIndex(shard)!;
    checkEntry(shard, index, entry?.sha256);
    return index;
  }
  const kept = keptOrNothing(shard);
  if (entry !== undefined && kept?.version === entry.sha256) return kept;
  if (entry !== undefined) {
    const beside = indexBeside(shard);
    const text = await readBeside(folderOf(shard), relativeTo(folderOf(shard), beside));
    if (text !== undefined) {
      const index = parseShardIndex(text, beside);
      checkEntry(shard, index, entry.sha256);
      return keep(shard, index);
    }
  }
  const source = await openBytes(shard);
  try {
    if (kept?.version === source.version) return kept;
    const photos = await scanShard(source);
    return keep(shard, { schema: 1, bytes: source.bytes, version: source.version, photos });
  } finally {
    source.close();
  }
}

function keep(shard: string, index: ShardIndex): ShardIndex {
  cacheIndex(shard, index);
  forgetShard(shard);
  return index;
}

/** The index in the cache; undefined where it cannot be read, so that it is made again. */
function keptOrNothing(shard: string): ShardIndex | undefined {
  try {
    return keptIndex(shard);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function checkEntry(shard: string, { version }: ShardIndex, sha256: string | undefined): void {
  if (sha256 === undefined || version === sha256) return;
  throw new UsageError(
    "ERR_SHARD_INDEX",
    `the index ${indexBeside(shard)} belongs to another shard than the one in the set's ${SHARDS_INDEX}. Copy the whole set again.`,
  );
}

/** The names of the classes: those of the index or of the list beside the shards, else those that occur in the samples. */
async function classesOf({ root, indexes }: FoundShards, texts: ReadonlySet<string>): Promise<readonly string[]> {
  const lists: (readonly string[])[] = [];
  for (const [folder, index] of indexes) {
    const names =
      index?.classes ?? (await readClasses(folder)) ?? (folder === root ? undefined : await readClasses(root));
    if (names !== undefined) lists.push(names);
  }
  const [first] = lists;
  if (lists.some((names) => names.join("\n") !== first.join("\n"))) {
    throw new UsageError(
      "ERR_SHARDS",
      `shards: the folders in ${root} name different classes. Give shards of one set.`,
    );
  }
  if (first !== undefined) return first;
  if (![...texts].every(isNumber)) return [...texts].sort();
  const most = Math.max(...[...texts].map(Number));
  if (most < MOST_CLASSES) return Array.from({ length: most + 1 }, (_, label) => String(label));
  throw new UsageError("ERR_SHARDS", `shards: class numbers in ${root} must be below ${MOST_CLASSES}; got ${most}.`);
}

const isNumber = (text: string): boolean => /^\d{1,9}$/.test(text);

/** The label of each text, which is the number or the name of a class. */
function labelling(path: string, classes: readonly string[], texts: ReadonlySet<string>): Map<string, number> {
  const byName = new Map(classes.map((name, label) => [name, label]));
  const numbers = [...texts].every(isNumber);
  return new Map(
    [...texts].map((text) => {
      const label = numbers ? Number(text) : byName.get(text);
      if (label !== undefined && label < classes.length) return [text, label] as const;
      throw new UsageError(
        "ERR_DATA_LABEL",
        `shards: a sample of ${path} has the class ${JSON.stringify(text)}, but the classes of the set are ` +
          `${listed(classes, 4)}.${numbers ? "" : didYouMean(text, classes)} Correct the list of classes, or the sample.`,
      );
    }),
  );
}
