/** Which parts a training has, from the names in its folder: before images are read. */
import { PARTS, type Part } from "../../data/folders/image-folder.js";
import { photosIn, recogniseFolder } from "../../data/folders/recognise-folder.js";
import { DEFAULT_FRACTION } from "../../data/photos/open-photos.js";
import type { ResolvedRecipe } from "../schema.js";
import { SHAPES } from "./data.js";

/** The parts of a data set as it is on disk. */
export interface OwnParts {
  /** Whether it is photos, else a set in memory, which has training and test images. */
  readonly photos: boolean;
  /** The parts that it has of its own; none for photos without parts, which are split by their recipe. */
  readonly parts: readonly Part[];
}

/** The parts of the built-in set, and of sets that are read into memory. */
export const IN_MEMORY: OwnParts = { photos: false, parts: ["train", "test"] };

/**
 * Lists the parts of a data set. No image is opened.
 *
 * @param path a `data.path`
 * @param what names the caller in messages
 * @throws what {@link recogniseFolder} and {@link photosIn} throw
 */
export async function ownParts(path: string, what: string): Promise<OwnParts> {
  if (path === SHAPES) return IN_MEMORY;
  const recognised = recogniseFolder(path, what);
  if (recognised.kind === "memory") return IN_MEMORY;
  const folder = await photosIn(path, recognised, what);
  return { photos: true, parts: folder.hasParts ? PARTS.filter((part) => folder.parts[part] !== undefined) : [] };
}

/** Whether a training on a set with these parts has validation images: its own, or a share of the training images. */
export function hasValidation({ data }: ResolvedRecipe, { photos, parts }: OwnParts): boolean {
  if (data.path === SHAPES && data.shapes.validationImages > 0) return true;
  if (parts.includes("validation")) return true;
  return (data.validationFraction ?? (photos && parts.length === 0 ? DEFAULT_FRACTION : 0)) > 0;
}
