/** Opens a folder of images whatever its layout, or the built-in set. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../errors.js";
import { isCifarFolder, loadCifar } from "./cifar.js";
import type { Dataset, Split } from "./dataset.js";
import { shapesDataset } from "./shapes.js";

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

/** The path that means the built-in set; a folder of that name is `./shapes`. */
const BUILT_IN = "shapes";

/** The built-in set where nothing else is said. */
const BUILT_IN_DEFAULTS = { size: 32, seed: 0, count: { train: 8000, test: 2000 } } as const;

/**
 * Opens one part of the data set in a folder, or in the one folder inside it that holds a data set (as when
 * `cifar-10-batches-bin` was unpacked there). The layout is recognised from the names of the files. The path `shapes` is the
 * built-in set: 8,000 training and 2,000 test images of 32 x 32 pixels whose texture tells nothing.
 *
 * @throws UsageError ERR_DATA_MISSING where there is no such folder
 * @throws UsageError ERR_DATA_LAYOUT where no layout is recognised, or several folders inside hold a data set
 */
export async function openDataset(path: string, split: Split): Promise<Dataset> {
  if (path === BUILT_IN) {
    const { size, seed, count } = BUILT_IN_DEFAULTS;
    return shapesDataset({ split, count: count[split], size, seed });
  }
  const entries = entriesOf(path);
  const here = LAYOUTS.find((layout) => layout.recognises(entries));
  if (here !== undefined) return here.load(path, split);

  const inside = entries.flatMap((entry) => {
    const folder = join(path, entry);
    if (!isFolder(folder)) return [];
    const contents = readdirSync(folder);
    const layout = LAYOUTS.find((candidate) => candidate.recognises(contents));
    return layout === undefined ? [] : [{ folder, layout }];
  });
  if (inside.length === 1) return inside[0].layout.load(inside[0].folder, split);
  if (inside.length > 1) {
    const folders = inside.map(({ folder }) => folder).join(", ");
    throw new UsageError("ERR_DATA_LAYOUT", `openDataset: ${path} holds several data sets; choose one of ${folders}.`);
  }
  throw new UsageError(
    "ERR_DATA_LAYOUT",
    `openDataset: ${path} is not a data set in a known layout. Found: ${listing(entries)}. Understood:\n` +
      LAYOUTS.map((layout) => `  ${layout.description}`).join("\n") +
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
