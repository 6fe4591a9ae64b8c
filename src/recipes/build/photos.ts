/** Defaults of a run on photos: the recipe, and the size of a mini-batch. */
import type { Recipe, ResolvedRecipe } from "../schema.js";
import { dataKind } from "./data-kind.js";
import { scaledRate } from "./scaled-rate.js";

/** The recipe for photos if neither a recipe nor a model is given, because the default network is made for images of 32 pixels. */
export const PHOTO_RECIPE = "photos";

/**
 * Whether a run is on a folder of photos, and neither a recipe nor a model is given.
 *
 * @throws what {@link dataKind} throws
 */
export function needsPhotoRecipe({ data, model }: Recipe): boolean {
  const path = data?.path ?? null;
  return model === undefined && path !== null && dataKind(path, "train") === "photos";
}

/** Smallest mini-batch. With fewer images the statistics of a batch norm are not reliable. */
const LEAST_BATCH = 8;

/**
 * Halves the mini-batch until an epoch has `training.minUpdatesPerEpoch` updates, but not below 8 images. The learning rate is for
 * the recipe's mini-batch, and is scaled by the same factor.
 *
 * @param images training images
 * @returns the recipe with that size and rate, and with minUpdatesPerEpoch null; the same object if nothing changes
 */
export function withEnoughUpdates(recipe: ResolvedRecipe, images: number): ResolvedRecipe {
  const { training, optimizer } = recipe;
  const { batchSize, accumulationSteps, minUpdatesPerEpoch } = training;
  if (minUpdatesPerEpoch === null || batchSize === "auto") return recipe;
  let size = batchSize;
  while (size > LEAST_BATCH && updatesIn(images, size, accumulationSteps) < minUpdatesPerEpoch) {
    size = Math.max(LEAST_BATCH, Math.floor(size / 2));
  }
  if (size === batchSize) return recipe;
  return {
    ...recipe,
    training: { ...training, batchSize: size, minUpdatesPerEpoch: null },
    optimizer: scaledRate(optimizer, size / batchSize),
  };
}

/** Describes what {@link withEnoughUpdates} changed; undefined if nothing. */
export function describeUpdates(before: ResolvedRecipe, after: ResolvedRecipe, images: number): string | undefined {
  if (before === after) return undefined;
  const { accumulationSteps } = after.training;
  const count = ({ training: { batchSize } }: ResolvedRecipe) =>
    updatesIn(images, Number(batchSize), accumulationSteps);
  const [was, is] = [before.training.batchSize, after.training.batchSize];
  return (
    `With mini-batches of ${was}, ${images} training images make only ${count(before)} updates per epoch, and the recipe wants at least ` +
    `${before.training.minUpdatesPerEpoch}. The mini-batch is therefore ${is} images (${count(after)} updates per epoch), and the learning rate ` +
    `${+after.optimizer.lr.toPrecision(3)} instead of ${before.optimizer.lr}. To keep both, add \`training.minUpdatesPerEpoch: null\``
  );
}

/** Number of updates in an epoch on this many training images, by one process. */
export const updatesIn = (images: number, batchSize: number, accumulationSteps: number): number =>
  Math.floor(Math.floor(images / batchSize) / accumulationSteps);
