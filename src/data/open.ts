/** Opens a folder of images whatever its layout. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../errors.js";
import { isCifarFolder, loadCifar } from "./cifar.js";
import type { Dataset, Split } from "./dataset.js";

/** A layout on disk. A new reader is one more entry of {@link LAYOUTS}. */
interface Layout {
  /** One line for the error message: what the folder must hold. */
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

/** What `openData` understands beside {@link LAYOUTS}. */
const IMAGE_FOLDER =
  "photos: a folder per class (JPEG, PNG, WebP, AVIF or GIF), perhaps in folders train, validation and test, " +
  "of which the last two may also hold photos without folders and have a label file beside them (val_labels.txt)";

/**
 * Finds the data set that is read into memory in a folder, or in the one folder inside it that holds one (as when
 * `cifar-10-batches-bin` was unpacked there). The layout is recognised from the names of the files.
 *
 * @returns undefined where no layout is recognised
 * @throws UsageError ERR_DATA_MISSING where there is no such folder
 * @throws UsageError ERR_DATA_LAYOUT where several folders inside hold a data set
 */
export function findDataset(path: string): FoundDataset | undefined {
  const entries = entriesOf(path);
  const here = recognise(path, entries);
  if (here !== undefined) return here;
  const inside = entries.flatMap((entry) => {
    const folder = join(path, entry);
    return isFolder(folder) ? (recognise(folder, readdirSync(folder)) ?? []) : [];
  });
  if (inside.length > 1) {
    const folders = inside.map(({ folder }) => folder).join(", ");
    throw new UsageError("ERR_DATA_LAYOUT", `openDataset: ${path} holds several data sets; choose one of ${folders}.`);
  }
  return inside[0];
}

function recognise(folder: string, entries: readonly string[]): FoundDataset | undefined {
  const layout = LAYOUTS.find((candidate) => candidate.recognises(entries));
  return layout && { folder, load: (split) => layout.load(folder, split) };
}

/**
 * Opens one part of a data set that is read into memory; see {@link findDataset}. Folders of photos, which are read as
 * they are needed, are opened by `openData`.
 *
 * @throws UsageError ERR_DATA_MISSING where there is no such folder
 * @throws UsageError ERR_DATA_LAYOUT where no layout is recognised, or several folders inside hold a data set
 */
export async function openDataset(path: string, split: Split): Promise<Dataset> {
  const found = findDataset(path);
  if (found === undefined) throw unknownLayout(path, "openDataset");
  return found.load(split);
}

/** The error for a folder in which nothing is recognised. */
export function unknownLayout(path: string, what: string): UsageError {
  const entries = entriesOf(path);
  return new UsageError(
    "ERR_DATA_LAYOUT",
    `${what}: ${path} is not a data set in a known layout. Found: ${listing(entries)}. Understood:\n` +
      [...LAYOUTS.map(({ description }) => description), IMAGE_FOLDER].map((line) => `  ${line}`).join("\n") +
      pythonVersionHint(entries),
  );
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOTDIR" ? "is a file" : "cannot be read";
    throw new UsageError(
      "ERR_DATA_MISSING",
      `openDataset: the data must be a folder; ${path} ${reason} (${(cause as Error).message}).`,
      { cause },
    );
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function listing(entries: readonly string[]): string {
  if (entries.length === 0) return "nothing, the folder is empty";
  const shown = entries.slice(0, 8).join(", ");
  return entries.length > 8 ? `${shown} and ${entries.length - 8} more` : shown;
}

/** The pickled Python version has the same names without ".bin", and is a common mistake. */
function pythonVersionHint(entries: readonly string[]): string {
  const pickled =
    entries.includes("data_batch_1") || entries.some((entry) => /^cifar-10(0-python|-batches-py)$/.test(entry));
  return pickled ? "\nThis is the Python version of CIFAR; download the binary version instead." : "";
}
