/** The index of a set of shards: its shards, their numbers of photos, and the names of the classes. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../errors.js";
import { readWhole } from "./http-bytes.js";
import { isSafeName } from "./shard-index.js";
import { isRemote, SHARDS_INDEX } from "./shard-names.js";

export interface ListedShard {
  /** Relative to the index. */
  readonly file: string;
  readonly photos: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface SetIndex {
  readonly schema: 1;
  /** Names of the classes by label. */
  readonly classes: readonly string[];
  readonly shards: readonly ListedShard[];
}

/** Names of the classes, one per line, for sets without an index and for other programs. */
export const CLASSES_FILE = "classes.txt";
/** Maximum size of an index or a list of classes from a server. */
const MOST_BYTES = 256e6;

/**
 * The text of a small file in a folder or at an address; undefined where it does not exist.
 *
 * @throws RunError as {@link readWhole}
 */
export async function readBeside(folder: string, name: string): Promise<string | undefined> {
  if (isRemote(folder)) {
    const bytes = await readWhole(`${folder}/${name}`, MOST_BYTES);
    return bytes && Buffer.from(bytes).toString("utf8");
  }
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** @throws UsageError ERR_SHARD_INDEX where the file is not such an index */
export async function readSetIndex(folder: string): Promise<SetIndex | undefined> {
  const text = await readBeside(folder, SHARDS_INDEX);
  if (text === undefined) return undefined;
  let index: SetIndex | undefined;
  try {
    index = JSON.parse(text);
  } catch {
    index = undefined;
  }
  const isName = (name: unknown) => typeof name === "string" && name !== "";
  const right =
    index?.schema === 1 &&
    Array.isArray(index.classes) &&
    index.classes.every(isName) &&
    Array.isArray(index.shards) &&
    index.shards.every(
      (shard) =>
        isName(shard?.file) && isSafeName(shard.file) && Number.isSafeInteger(shard.bytes) && isName(shard.sha256),
    );
  if (right) return index;
  throw new UsageError(
    "ERR_SHARD_INDEX",
    `the index ${folder}/${SHARDS_INDEX} is not an index that this program can read. Remove it, or make the shards again.`,
  );
}

/** The names in a list of classes. @throws UsageError ERR_SHARD_INDEX where a name is empty or repeated */
export async function readClasses(folder: string): Promise<readonly string[] | undefined> {
  const names = (await readBeside(folder, CLASSES_FILE))?.split(/\r?\n/).map((line) => line.trim());
  while (names?.at(-1) === "") names.pop();
  if (names === undefined) return undefined;
  const wrong = names.findIndex((name, line) => name === "" || names.indexOf(name) < line);
  if (wrong < 0) return names;
  throw new UsageError(
    "ERR_SHARD_INDEX",
    `${folder}/${CLASSES_FILE} must have a different name on each line, in the order of the classes; line ${wrong + 1} ` +
      `is ${JSON.stringify(names[wrong])}.`,
  );
}
