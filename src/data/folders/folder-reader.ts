/** Lists folders. Entries that cannot be read or named are reported, and never stop the walk. */

import { isUtf8 } from "node:buffer";
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";

/**
 * Why an entry is neither a plain file nor a folder: its name is not UTF-8, it is a link whose target does not exist, or it is
 * a pipe, a socket or a device, which must not be opened.
 */
export type Oddity = "name-not-utf8" | "broken-link" | "special-file";

export interface OddEntry {
  /** Bytes of a name that is not UTF-8 are written as `\xE9`. */
  readonly name: string;
  readonly why: Oddity;
  readonly isFolder: boolean;
}

/** The entries of a folder. A link counts as its target. */
export interface Listing {
  /** Names, in the order of their code units. */
  readonly folders: readonly string[];
  /** Names, in the order of their code units. */
  readonly files: readonly string[];
  readonly odd: readonly OddEntry[];
  /** Why the folder could not be read, in words ("permission denied"); the lists are empty then. */
  readonly failure: string | undefined;
}

/** Lists every folder only once, so that later decisions are made from the same entries as earlier ones. */
export class FolderReader {
  readonly root: string;
  readonly #known = new Map<string, Listing>();

  /** @param root an absolute path */
  constructor(root: string) {
    this.root = root;
  }

  /** @param folder an absolute path */
  list(folder: string): Listing {
    const listing = this.#known.get(folder) ?? listFolder(folder);
    this.#known.set(folder, listing);
    return listing;
  }
}

/** A system error in words, such as "permission denied". */
export function systemReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
}

function listFolder(folder: string): Listing {
  const folders: string[] = [];
  const files: string[] = [];
  const odd: OddEntry[] = [];
  let entries: { name: string; entry: Dirent | Dirent<Buffer> }[];
  try {
    entries = readdirSync(folder, { withFileTypes: true }).map((entry) => ({ name: entry.name, entry }));
    // The replacement character can stand for bytes that could not be decoded. The bytes of the name tell.
    if (entries.some(({ name }) => name.includes("\ufffd"))) {
      const exact = readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
      entries = [];
      for (const entry of exact) {
        if (isUtf8(entry.name)) entries.push({ name: entry.name.toString(), entry });
        else odd.push(undecodable(folder, entry));
      }
    }
  } catch (error) {
    return { folders, files, odd, failure: systemReason(error) };
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, entry } of entries) {
    const what = entry.isSymbolicLink() ? statusOf(join(folder, name)) : entry;
    if (what === undefined) odd.push({ name, why: "broken-link", isFolder: false });
    else if (what.isDirectory()) folders.push(name);
    else if (what.isFile()) files.push(name);
    else odd.push({ name, why: "special-file", isFolder: false });
  }
  return { folders, files, odd, failure: undefined };
}

function undecodable(folder: string, entry: Dirent<Buffer>): OddEntry {
  const path = Buffer.concat([Buffer.from(`${folder}/`), entry.name]);
  const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (statusOf(path)?.isDirectory() ?? false));
  const name = entry.name
    .toString("latin1")
    .replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).toUpperCase()}`);
  return { name, why: "name-not-utf8", isFolder };
}

/** The target of a link; undefined where it does not exist, is part of a loop, or is not accessible. */
function statusOf(path: string | Buffer): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
