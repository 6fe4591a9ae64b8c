/** What the user sees while weights are opened: a download's progress, and what was recognised. */
import { recogniseFolder } from "../data/recognise-folder.js";
import { SHAPES } from "../recipes/data.js";
import { applySettings } from "../recipes/resolve.js";
import type { Recipe } from "../recipes/schema.js";
import { type OpenedWeights, openWeights } from "../weights/open.js";
import { downloadProgress } from "./download-progress.js";

/**
 * Opens the weights that a new run starts from. Where the recipe names no network it is theirs, and so is the size of photos.
 *
 * @throws what `openWeights` throws
 */
export async function openStart(
  recipe: Recipe,
  quiet: boolean,
): Promise<{ readonly recipe: Recipe; readonly source: OpenedWeights | undefined }> {
  const reference = recipe.finetune?.weights ?? undefined;
  if (reference === undefined) return { recipe, source: undefined };
  const progress = downloadProgress(quiet);
  const source = await openWeights(reference, { onProgress: progress.show });
  progress.end(source.notes);
  const { name, imageSize } = source.specification;
  const path = recipe.data?.path;
  const isPhotos = typeof path === "string" && path !== SHAPES && recogniseFolder(path, "train").kind === "photos";
  const settings = [
    ...(recipe.model === undefined ? [`model=${name}`] : []),
    ...(isPhotos && recipe.data?.imageSize == null ? [`data.imageSize=${imageSize}`] : []),
  ];
  return { recipe: applySettings(recipe, settings), source };
}
