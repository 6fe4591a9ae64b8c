/** Opens the weights that a new run starts from, and completes its recipe from them. */
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import { SHAPES } from "../../recipes/build/data.js";
import type { Recipe } from "../../recipes/schema.js";
import { type OpenedWeights, openWeights } from "../../weights/open.js";

/**
 * Opens the weights of a recipe. If the recipe names no network, the network and the image size for photos are those of the weights.
 *
 * @param onProgress called during a download with the bytes so far and the total
 * @returns the completed recipe, and the weights; undefined if the recipe names none
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
