/** Finds data sets that are read into memory as a whole. */

import { join } from "node:path";
import { listed, UsageError } from "../../errors.js";
import type { FolderReader } from "../folders/folder-reader.js";
import { isCifarFolder, loadCifar } from "./cifar.js";
import type { Dataset, Split } from "./dataset.js";

/** A layout on disk. To add a reader, add an entry to {@link LAYOUTS}. */
interface Layout {
  /** One line for the error message: the files that the folder must hold. */
  readonly description: string;
  /** Whether a folder with these entries has this layout. */
  recognises(entries: readonly string[]): boolean;
  load(path: string, split: Split): Dataset | Promise<Dataset>;
}

const LAYOUTS: readonly Layout[] = [
  {
    description:
      "CIFAR-10 or CIFAR-100, binary version (data_batch_1.bin .. data_batch_5.bin and test_batch.bin, or train.bin and test.bin)",
    recognises: isCifarFolder,
    load: loadCifar,
  },
];

/** A data set in a folder, not yet read. */
export interface FoundDataset {
  readonly folder: string;
  load(split: Split): Dataset | Promise<Dataset>;
}

/** The layouts that are supported besides {@link LAYOUTS}. */
const IMAGE_FOLDER =
  "photos: a folder per class (JPEG, PNG, WebP, AVIF or GIF), either directly or in the folders train, validation and test, " +
  "of which the last two can also hold photos without class folders if a label file is beside them (val_labels.txt); or tar shards of photos";

/**
 * Finds a data set of {@link LAYOUTS} in a folder, or in a folder directly inside it (as when `cifar-10-batches-bin` was
 * unpacked there). The layout is recognised by the names of the files.
 *
 * @param what names the caller in messages
 * @returns undefined where no layout is recognised
 * @throws UsageError ERR_DATA_LAYOUT where several folders inside hold a data set
 */
export function findDataset(reader: FolderReader, what: string): FoundDataset | undefined {
  const { root } = reader;
  const here = recognise(reader, root);
  if (here !== undefined) return here;
  const inside = reader.list(root).folders.flatMap((name) => recognise(reader, join(root, name)) ?? []);
  if (inside.length > 1) {
    const folders = listed(inside.map(({ folder }) => folder));
    throw new UsageError("ERR_DATA_LAYOUT", `${what}: ${root} holds several data sets; choose one of ${folders}.`);
  }
  return inside[0];
}

function recognise(reader: FolderReader, folder: string): FoundDataset | undefined {
  const { files } = reader.list(folder);
  const layout = LAYOUTS.find((candidate) => candidate.recognises(files));
  return layout && { folder, load: (split) => layout.load(folder, split) };
}

/** The error for a folder without any supported layout. */
export function unknownLayout(path: string, reader: FolderReader, what: string): UsageError {
  const { folders, files, odd } = reader.list(reader.root);
  const entries = [...folders, ...files, ...odd.map(({ name }) => name)].sort();
  const found = entries.length === 0 ? "nothing, the folder is empty" : listed(entries, 8);
  return new UsageError(
    "ERR_DATA_LAYOUT",
    `${what}: ${path} is not a data set in a supported layout. Found: ${found}. Supported:\n` +
      [...LAYOUTS.map(({ description }) => description), IMAGE_FOLDER].map((line) => `  ${line}`).join("\n") +
      pythonVersionHint(entries),
  );
}

/** A hint where the folder holds the pickled Python version, whose files have the same names without ".bin". */
function pythonVersionHint(entries: readonly string[]): string {
  const pickled =
    entries.includes("data_batch_1") || entries.some((entry) => /^cifar-10(0-python|-batches-py)$/.test(entry));
  return pickled ? "\nThis is the Python version of CIFAR; download the binary version instead." : "";
}
