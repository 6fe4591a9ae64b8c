/** Data sets that can be downloaded. */

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { printable, UsageError } from "../../errors.js";
import { checkPath } from "../../runs/given-path.js";
import { type DownloadOptions, download } from "./download.js";
import { type ArchiveContents, unpack } from "./unpack.js";

/** A set as its authors publish it. */
export interface RemoteSet {
  /** Address of the folder that holds the archive. */
  readonly base: string;
  readonly archive: string;
  /** MD5 of the archive, from the set's page. */
  readonly md5: string;
  readonly contents: ArchiveContents;
}

const CIFAR_BASE = "https://www.cs.toronto.edu/~kriz/";

/** By name. Addresses and checksums are those of https://www.cs.toronto.edu/~kriz/cifar.html. */
export const REMOTE_SETS: Readonly<Record<string, RemoteSet>> = {
  cifar10: {
    base: CIFAR_BASE,
    archive: "cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
    contents: {
      folder: "cifar-10-batches-bin",
      required: [
        "batches.meta.txt",
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
      ],
      optional: ["readme.html"],
    },
  },
  cifar100: {
    base: CIFAR_BASE,
    archive: "cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
    contents: {
      folder: "cifar-100-binary",
      required: ["coarse_label_names.txt", "fine_label_names.txt", "train.bin", "test.bin"],
      optional: [],
    },
  },
};

export interface GetOptions extends Omit<DownloadOptions, "url" | "path" | "checksum" | "advice"> {
  /** The folder in which the folder of the set is made. */
  readonly to: string;
  /** Address of another server, for instance a mirror. The checksum of its archive must be the same. */
  readonly base?: string;
}

/**
 * Downloads and unpacks a set, unless its folder exists already with every file. The archive is removed afterwards.
 *
 * @returns the set's folder, and whether it existed already
 * @throws UsageError ERR_SET_EXISTS the folder holds other files too, which unpacking would remove; ERR_PATH `to` is empty
 * @throws RunError as {@link download} and {@link unpack} do
 */
export async function getRemoteSet(set: RemoteSet, options: GetOptions): Promise<{ folder: string; existed: boolean }> {
  const { to, base = set.base, ...rest } = options;
  checkPath("data get", "to", to);
  const folder = join(to, set.contents.folder);
  if (set.contents.required.every((name) => existsSync(join(folder, name)))) return { folder, existed: true };
  checkNothingElse(folder, set.contents);
  const path = join(to, set.archive);
  await download({
    ...rest,
    url: `${base.replace(/\/*$/, "/")}${set.archive}`,
    path,
    checksum: { algorithm: "md5", begins: set.md5 },
    advice: {
      offline:
        "Check the network connection, or download the file on another machine, unpack it and give its folder as `data.path`",
      address: "Check the address, or give another one (`url`)",
    },
  });
  await unpack(path, folder, set.contents);
  rmSync(path);
  return { folder, existed: false };
}

function checkNothingElse(folder: string, { required, optional }: ArchiveContents): void {
  const present = existsSync(folder) ? readdirSync(folder) : [];
  const other = present.find((name) => !required.includes(name) && !optional.includes(name));
  if (other === undefined) return;
  throw new UsageError(
    "ERR_SET_EXISTS",
    `data get: ${folder} holds ${printable(other)}, which is not of the set. Move it away, or choose another folder with \`to\``,
  );
}
