/** Unpacks archives whose contents are known. */

import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { RunError } from "../../errors.js";
import { makeFolder, writeError } from "../../runs/atomic-file.js";

/** What an archive must hold. */
export interface ArchiveContents {
  /** The only folder at the top of the archive. */
  readonly folder: string;
  /** Files in that folder that must be there. */
  readonly required: readonly string[];
  /** Files in that folder that may be missing. */
  readonly optional: readonly string[];
}

/**
 * Unpacks a `.tar.gz` with one folder, which replaces `target`. It is unpacked beside `target` under a temporary name and
 * renamed when it is complete, so that an interruption leaves no partial set.
 *
 * Only plain files with the known names are written. Any other entry (another name, a path that leads out of the folder, a
 * link) is an error, since then this is not the expected archive.
 *
 * @throws RunError ERR_ARCHIVE where the archive is damaged, lacks a file or has an unknown one
 * @throws RunError ERR_WRITE where a file cannot be written
 */
export async function unpack(archive: string, target: string, contents: ArchiveContents): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  rmSync(temporary, { recursive: true, force: true });
  try {
    makeFolder(temporary);
    await extractInto(temporary, archive, contents);
    const missing = contents.required.filter((name) => !existsSync(join(temporary, name)));
    if (missing.length > 0) throw archiveError(archive, `it does not hold ${missing.join(", ")}`);
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (error instanceof RunError) throw error;
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw writeError(target, error);
    throw archiveError(archive, (error as Error).message, error);
  }
}

async function extractInto(folder: string, archive: string, contents: ArchiveContents): Promise<void> {
  const files = [...contents.required, ...contents.optional];
  const known = new Map(files.map((name) => [`${contents.folder}/${name}`, name]));
  const entries = extract();
  const write = async () => {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      const file = known.get(name);
      if (type === "directory" && name.replace(/\/$/, "") === contents.folder) {
        entry.resume();
      } else if (type === "file" && file !== undefined) {
        await pipeline(entry, createWriteStream(join(folder, file)));
      } else {
        throw archiveError(
          archive,
          `it holds ${JSON.stringify(name)} (${type}), which is not one of the expected files`,
        );
      }
    }
  };
  // Waits for both, so that nothing is written after this function has ended.
  const outcomes = await Promise.allSettled([write(), pipeline(createReadStream(archive), createGunzip(), entries)]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

function archiveError(archive: string, reason: string, cause?: unknown): RunError {
  return new RunError(
    "ERR_ARCHIVE",
    `cannot unpack ${archive}: ${reason}. Nothing was unpacked. Remove the file and get it again.`,
    { cause },
  );
}
