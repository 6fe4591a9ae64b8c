/** The kind of a recipe's images, known before they are opened. */
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import { SHAPES } from "./data.js";

/** `memory`: CIFAR, which is read into memory. `shapes`: the built-in set. `photos`: folders or shards. `corrupted`: only for evaluation. */
export type DataKind = "memory" | "shapes" | "photos" | "corrupted";

/**
 * The kind of the images at a path. Only names of files and folders are read.
 *
 * @param path a value of `data.path`
 * @param what names the caller in messages
 * @throws what {@link recogniseFolder} throws
 */
export const dataKind = (path: string, what: string): DataKind =>
  path === SHAPES ? "shapes" : recogniseFolder(path, what).kind;
