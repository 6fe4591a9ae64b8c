/**
 * Finds the shards that a user gives as a folder, a file, a pattern or an address, and the part that a shard's name stands
 * for.
 */

import { type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { PARTS, type Part, partByName } from "../folders/folder-parts.js";
import { FolderReader } from "../folders/folder-reader.js";
import { isHidden, isPhotoName } from "../folders/image-names.js";

/** Maximum number of names of a pattern. More are a mistake. */
const MOST_NAMES = 100_000;

/** Whether a path is an address of a server. */
export const isRemote = (path: string): boolean => /^https?:\/\//i.test(path);

const isShardName = (path: string): boolean => /\.tar$/i.test(path) && !isHidden(path.split("/").at(-1)!);

/** The index of a set of shards, in their folder. */
export const SHARDS_INDEX = "index.json";

/** The settings with which shards were made. Until all shards are written, it is there without the index. */
export const SHARDS_MANIFEST = "packed.json";

/** The index of the photos in a shard, beside it. */
export const indexBeside = (shard: string): string => shard.replace(/\.tar$/i, ".index.json");

/**
 * The shards that a path names; none where it names something else. A folder is one of shards where it has shards and no
 * folders, or where all of its folders have shards and no photos.
 *
 * @param path a folder, a `.tar` file, a pattern such as `train-{000..012}.tar`, or one of these at an http(s) address. A folder
 *   at an address is returned as it is: it must have an index
 * @throws UsageError ERR_SHARDS where a pattern is wrong
 */
export function shardsNamed(path: string): string[] {
  if (isRemote(path) || (/[{}]/.test(path) && isShardName(path))) return [...new Set(expandBraces(path))];
  const stats = statusOf(path);
  if (stats?.isFile()) return isShardName(path) ? [path] : [];
  if (!stats?.isDirectory()) return [];
  const reader = new FolderReader(path);
  const { files, folders } = reader.list(path);
  const here = files.filter(isShardName);
  const inner = folders.filter((name) => !isHidden(name)).map((name) => ({ name, ...reader.list(join(path, name)) }));
  if (here.length > 0) return inner.length === 0 ? here.map((name) => join(path, name)) : [];
  const inside = inner.map(({ name, files }) => ({ name, shards: files.filter(isShardName), files }));
  if (inside.some(({ shards, files }) => shards.length === 0 || files.some(isPhotoName))) return [];
  return inside.flatMap(({ name, shards }) => shards.map((shard) => join(path, name, shard)));
}

/** Undefined where it cannot be read. The code that opens it reports this. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * All names of a pattern such as `a-{08..10}.{x,y}`: numbers in order with their leading zeros, and alternatives. Braces
 * nest.
 */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf("{");
  if (open < 0) {
    if (pattern.includes("}")) throw patternError(pattern, "has a } without its {");
    return [pattern];
  }
  const alternatives: string[] = [];
  let depth = 0;
  let from = open + 1;
  let close = -1;
  for (let i = open; i < pattern.length && close < 0; i++) {
    if (pattern[i] === "{") depth++;
    else if (pattern[i] === "}") depth--;
    if ((pattern[i] === "," && depth === 1) || depth === 0) {
      alternatives.push(pattern.slice(from, i));
      from = i + 1;
      if (depth === 0) close = i;
    }
  }
  if (close < 0) throw patternError(pattern, "has a { without its }");
  const [only] = alternatives;
  const range = alternatives.length === 1 ? /^(\d{1,9})\.\.(\d{1,9})$/.exec(only) : null;
  if (alternatives.length === 1 && range === null) {
    throw patternError(
      pattern,
      `must have numbers such as {000..012} or alternatives such as {a,b} in its braces; got {${only}}`,
    );
  }
  const inside = range === null ? alternatives.flatMap(expandBraces) : numbersOf(pattern, range[1], range[2]);
  const after = expandBraces(pattern.slice(close + 1));
  if (inside.length * after.length > MOST_NAMES)
    throw patternError(pattern, `stands for more than ${MOST_NAMES} names`);
  return inside.flatMap((middle) => after.map((end) => pattern.slice(0, open) + middle + end));
}

function numbersOf(pattern: string, first: string, last: string): string[] {
  const [low, high] = [Number(first), Number(last)];
  if (high < low) throw patternError(pattern, `must count upwards; got {${first}..${last}}`);
  if (high - low >= MOST_NAMES) throw patternError(pattern, `stands for more than ${MOST_NAMES} names`);
  const digits = first.startsWith("0") ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: high - low + 1 }, (_, i) => String(low + i).padStart(digits, "0"));
}

const patternError = (pattern: string, rule: string) =>
  new UsageError("ERR_SHARDS", `shards: the pattern ${pattern} ${rule}.`);

/** The part that a shard belongs to, by its folder or by a word of its name, as in `imagenet-train-000.tar`. */
export function partOfShard(shard: string): Part | undefined {
  const [folder, name] = shard.split("/").slice(-2).length === 2 ? shard.split("/").slice(-2) : ["", shard];
  const words = name.replace(/\.tar$/i, "").split(/[^\p{L}]+/u);
  const named = new Set(
    words.flatMap((word) => (word !== "" && partByName(word)?.exact ? [partByName(word)!.part] : [])),
  );
  const own = PARTS.filter((part) => named.has(part));
  return own.length === 1 ? own[0] : partByName(folder)?.part;
}
