/** The weights that a new run starts from, and what they settle of its recipe. */
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import { SHAPES } from "../../recipes/build/data.js";
import type { Recipe } from "../../recipes/schema.js";
import { type OpenedWeights, openWeights } from "../../weights/open.js";

/**
 * Opens the weights of a recipe. Where the recipe names no network it is theirs, and so is the size of photos.
 *
 * @param onProgress called while they are downloaded, with bytes
 * @returns the recipe with what follows from them; no weights where it names none
 * @throws what `openWeights` throws
 */
export async function openStartWeights(
  recipe: Recipe,
  onProgress: (done: number, total: number | undefined) => void,
): Promise<{ readonly recipe: Recipe; readonly source: OpenedWeights | undefined }> {
  const reference = recipe.finetune?.weights ?? undefined;
  if (reference === undefined) return { recipe, source: undefined };
  const source = await openWeights(reference, { onProgress });
  const { name, imageSize } = source.specification;
  const path = recipe.data?.path;
  const isPhotos = typeof path === "string" && path !== SHAPES && recogniseFolder(path, "train").kind === "photos";
  const takesSize = isPhotos && recipe.data?.imageSize == null;
  return {
    recipe: { ...recipe, model: recipe.model ?? name, ...(takesSize && { data: { ...recipe.data, imageSize } }) },
    source,
  };
}
