/** Reads folders as file systems hold them: what cannot be read or named is told apart, and never ends the walk. */

import { isUtf8 } from "node:buffer";
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";

/**
 * Why an entry is no plain file or folder: its name is not UTF-8, it is a link that leads nowhere, or it is a pipe, a socket
 * or a device, which must not be opened.
 */
export type Oddity = "name-not-utf8" | "broken-link" | "special-file";

export interface OddEntry {
  /** Bytes of a name that is not UTF-8 are written as `\xE9`. */
  readonly name: string;
  readonly why: Oddity;
  readonly isFolder: boolean;
}

/** What lies in a folder. A link is what it leads to. */
export interface Listing {
  /** Names, in the order of their code units. */
  readonly folders: readonly string[];
  /** Names, in the order of their code units. */
  readonly files: readonly string[];
  readonly odd: readonly OddEntry[];
  /** Why the folder could not be read, in words ("permission denied"); the lists are empty then. */
  readonly failure: string | undefined;
}

/** Lists folders, each once: what was decided from a listing holds for what is read from it later. */
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

/** What a system error means in words, such as "permission denied". */
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
    // A name with the replacement character may be one that could not be decoded: its bytes tell.
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

/** What a link leads to; undefined where it leads nowhere, in a circle, or to where nothing can be seen. */
function statusOf(path: string | Buffer): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
