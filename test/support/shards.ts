import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, onTestFinished } from "vitest";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { openData } from "../../src/data/open-data.js";
import type { OpenDataOptions } from "../../src/data/opened-data.js";
import { sharedTemporaryFolder } from "./folders.js";

/** Lets the indexes of shards lie in a folder of the tests of this file. */
export function ownCache(): string {
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = sharedTemporaryFolder();
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  });
  return join(process.env.XDG_CACHE_HOME, "advprop/shards");
}

/** An archive of these members; of those with a link's target, links. */
export async function tarOf(
  members: readonly (readonly [name: string, contents: string | Uint8Array, linkTo?: string])[],
) {
  const archive = pack();
  for (const [name, contents, linkname] of members) {
    if (linkname === undefined) archive.entry({ name }, Buffer.from(contents));
    else archive.entry({ name, type: "symlink", linkname });
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** The files in a folder that end so. */
export const filesOf = (folder: string, end: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .sort();

/** Opens a set to read small images from it, until the test ends. */
export async function openSmall(path: string, options: Partial<OpenDataOptions> = {}) {
  const opened = await openData(path, {
    parts: ["train", "test"],
    seed: 1,
    imageSize: 16,
    workers: 2,
    augmentation: { crop: 0, flip: true },
    ...options,
  } as OpenDataOptions);
  onTestFinished(() => opened.close());
  return opened;
}

export async function collect(batches: AsyncIterable<PixelBatch>): Promise<PixelBatch[]> {
  const all: PixelBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}
