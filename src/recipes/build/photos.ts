/** What a run on photos takes where the user leaves it open: the recipe, and the size of a mini-batch. */
import { recogniseFolder } from "../../data/folders/recognise-folder.js";
import type { Recipe, ResolvedRecipe } from "../schema.js";
import { SHAPES } from "./data.js";
import { scaledRate } from "./scaled-rate.js";

/** The recipe for photos where neither a recipe nor a model is named: the default network is made for images of 32 pixels. */
export const PHOTO_RECIPE = "photos";

/**
 * Whether a run is on a folder of photos, and says neither by a recipe nor by a model how.
 *
 * @throws what {@link recogniseFolder} throws
 */
export function needsPhotoRecipe({ data, model }: Recipe): boolean {
  const path = data?.path ?? null;
  if (model !== undefined || path === null || path === SHAPES) return false;
  return recogniseFolder(path, "train").kind === "photos";
}

/** Fewer images than this do not make statistics for a batch norm. */
const LEAST_BATCH = 8;

/**
 * Halves the mini-batch until an epoch has `training.minUpdatesPerEpoch` updates, but not below 8 images. The learning rate
 * is for the recipe's own mini-batch, and is scaled with it.
 *
 * @param images training images
 * @returns the recipe with that size and rate, in which nothing is left to be decided; the same one where nothing changes
 */
export function withEnoughUpdates(recipe: ResolvedRecipe, images: number): ResolvedRecipe {
  const { training, optimizer } = recipe;
  const { batchSize, accumulationSteps, minUpdatesPerEpoch } = training;
  if (minUpdatesPerEpoch === null || batchSize === "auto") return recipe;
  let size = batchSize;
  while (size > LEAST_BATCH && updates(images, size, accumulationSteps) < minUpdatesPerEpoch) {
    size = Math.max(LEAST_BATCH, Math.floor(size / 2));
  }
  if (size === batchSize) return recipe;
  return {
    ...recipe,
    training: { ...training, batchSize: size, minUpdatesPerEpoch: null },
    optimizer: scaledRate(optimizer, size / batchSize),
  };
}

/** What {@link withEnoughUpdates} changed; undefined for nothing. */
export function describeUpdates(before: ResolvedRecipe, after: ResolvedRecipe, images: number): string | undefined {
  if (before === after) return undefined;
  const { accumulationSteps } = after.training;
  const count = ({ training: { batchSize } }: ResolvedRecipe) => updates(images, Number(batchSize), accumulationSteps);
  const [was, is] = [before.training.batchSize, after.training.batchSize];
  return (
    `${images} training images make ${count(before)} updates an epoch by mini-batches of ${was}: the recipe asks for ` +
    `${before.training.minUpdatesPerEpoch}, so that a mini-batch has ${is} images, which makes ${count(after)}; the learning rate is ` +
    `${+after.optimizer.lr.toPrecision(3)} instead of ${before.optimizer.lr}, which is for ${was}. \`training.batchSize: COUNT\` leaves both as they are`
  );
}

const updates = (images: number, batchSize: number, accumulationSteps: number): number =>
  Math.floor(Math.floor(images / batchSize) / accumulationSteps);
