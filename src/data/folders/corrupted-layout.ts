/** Whether a folder is a corrupted set, and in which layout. */

import { join } from "node:path";
import { SEVERITY_TABLES } from "../../corruptions/severity-tables.js";
import type { FolderReader } from "./folder-reader.js";
import { isHidden, isPhotoName } from "./image-names.js";

/** The file in which `advprop corrupt` says how it made a set. */
export const CORRUPTED_SET_MANIFEST = "corruptions.json";

export const SEVERITIES = [1, 2, 3, 4, 5];

/** `imagenet-c`: files CORRUPTION/SEVERITY/CLASS/FILE; `cifar-c`: arrays CORRUPTION.npy and labels.npy. */
export type CorruptedLayout = "imagenet-c" | "cifar-c";

/** What a corrupted set has. */
export interface CorruptedFolder {
  readonly layout: CorruptedLayout;
  /** The severities of each corruption, in the order of the names' code units. */
  readonly severities: ReadonlyMap<string, readonly number[]>;
}

const NAMES: ReadonlySet<string> = new Set(Object.keys(SEVERITY_TABLES["imagenet-c"].parameters));

/**
 * The corruptions and severities in a folder. Arrays with `labels.npy` are a set. Folders CORRUPTION/SEVERITY/CLASS are one
 * where the names say so: `corruptions.json` lies beside them, or one of the first is the name of a published corruption. Other
 * names are taken for corruptions only where every folder has all five severities, and every severity the same two classes
 * or more: classes called 1 to 5 hold photos, not folders.
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

/** Folders inside that are corrupted sets by the names in them, as where archives were unpacked side by side. */
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

/** The corruption that a folder of severities is, where it was given instead of the set around it. */
export function isOneCorruption(reader: FolderReader, name: string): boolean {
  return NAMES.has(name) && severitiesIn(reader, reader.root).length > 0;
}

/** Folders named 1 .. 5, each with folders in it and no photos; none where there are others too. */
function severitiesIn(reader: FolderReader, folder: string): number[] {
  const inside = reader.list(folder).folders.filter((name) => !isHidden(name));
  const areSeverities = inside.every(
    (name) => /^[1-5]$/.test(name) && classesIn(reader, join(folder, name)).length > 0,
  );
  return areSeverities ? inside.map(Number) : [];
}

/** Whether a corruption has five severities with the same classes. */
function isWhole(reader: FolderReader, folder: string): boolean {
  const [first, ...rest] = SEVERITIES.map((severity) => classesIn(reader, join(folder, String(severity))).join("/"));
  return first.includes("/") && rest.every((classes) => classes === first);
}

/** Folders in a folder that holds no photos itself. */
function classesIn(reader: FolderReader, folder: string): string[] {
  const { folders, files } = reader.list(folder);
  return files.some(isPhotoName) ? [] : folders.filter((name) => !isHidden(name));
}
