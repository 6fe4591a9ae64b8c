/** Recognises a corrupted set and its layout. */

import { join } from "node:path";
import { SEVERITY_TABLES } from "../../corruptions/severity-tables.js";
import type { FolderReader } from "./folder-reader.js";
import { isHidden, isPhotoName } from "./image-names.js";

/** The file in which `advprop corrupt` records how it made a set. */
export const CORRUPTED_SET_MANIFEST = "corruptions.json";

export const SEVERITIES = [1, 2, 3, 4, 5];

/** `imagenet-c`: files CORRUPTION/SEVERITY/CLASS/FILE; `cifar-c`: arrays CORRUPTION.npy and labels.npy. */
export type CorruptedLayout = "imagenet-c" | "cifar-c";

/** The contents of a corrupted set. */
export interface CorruptedFolder {
  readonly layout: CorruptedLayout;
  /** The severities of each corruption. The names are sorted by their code units. */
  readonly severities: ReadonlyMap<string, readonly number[]>;
}

const NAMES: ReadonlySet<string> = new Set(Object.keys(SEVERITY_TABLES["imagenet-c"].parameters));

/**
 * The corruptions and severities in a folder. Arrays with `labels.npy` are always a set. Folders CORRUPTION/SEVERITY/CLASS
 * are a set where `corruptions.json` is beside them, or one of them has the name of a published corruption. Otherwise they are
 * a set only where every folder has all five severities, and all severities have the same two or more classes. So classes
 * named 1 to 5 are not mistaken for severities: they hold photos and not folders.
 *
 * @returns undefined where the folder has neither layout
 */
export function corruptedLayout(reader: FolderReader): CorruptedFolder | undefined {
  const { root } = reader;
  const { folders, files } = reader.list(root);
  const arrays = files.filter((name) => name.endsWith(".npy") && name !== "labels.npy" && !isHidden(name));
  const visible = folders.filter((name) => !isHidden(name));
  if (files.includes("labels.npy") && (arrays.length > 0 || visible.length === 0)) {
    return {
      layout: "cifar-c",
      severities: new Map(arrays.map((name) => [name.slice(0, -".npy".length), SEVERITIES])),
    };
  }
  const found = visible.flatMap((name) => {
    const severities = severitiesIn(reader, join(root, name));
    return severities.length === 0 ? [] : [[name, severities] as const];
  });
  const named = files.includes(CORRUPTED_SET_MANIFEST) || found.some(([name]) => NAMES.has(name));
  const whole = () => found.length === visible.length && found.every(([name]) => isWhole(reader, join(root, name)));
  return found.length > 0 && (named || whole()) ? { layout: "imagenet-c", severities: new Map(found) } : undefined;
}

/** The folders inside that are corrupted sets by their names, as where several archives were unpacked into one folder. */
export function corruptedSetsInside(reader: FolderReader): string[] {
  const { root } = reader;
  return reader
    .list(root)
    .folders.map((name) => join(root, name))
    .filter((folder) =>
      reader
        .list(folder)
        .folders.some((name) => NAMES.has(name) && severitiesIn(reader, join(folder, name)).length > 0),
    );
}

/** Whether the reader's folder, of this name, is one corruption of a set and not the set itself. */
export function isOneCorruption(reader: FolderReader, name: string): boolean {
  return NAMES.has(name) && severitiesIn(reader, reader.root).length > 0;
}

/** The severities in a folder; none where any of its folders is not named 1 .. 5 or does not hold classes. */
function severitiesIn(reader: FolderReader, folder: string): number[] {
  const inside = reader.list(folder).folders.filter((name) => !isHidden(name));
  const areSeverities = inside.every(
    (name) => /^[1-5]$/.test(name) && classesIn(reader, join(folder, name)).length > 0,
  );
  return areSeverities ? inside.map(Number) : [];
}

/** Whether a corruption has all five severities with the same classes. */
function isWhole(reader: FolderReader, folder: string): boolean {
  const [first, ...rest] = SEVERITIES.map((severity) => classesIn(reader, join(folder, String(severity))).join("/"));
  return first.includes("/") && rest.every((classes) => classes === first);
}

/** The folders in a folder; none where it holds photos itself. */
function classesIn(reader: FolderReader, folder: string): string[] {
  const { folders, files } = reader.list(folder);
  return files.some(isPhotoName) ? [] : folders.filter((name) => !isHidden(name));
}
