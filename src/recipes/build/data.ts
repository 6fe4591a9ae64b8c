/** Opens the images of a run from a recipe's data section. */
import { PARTS, type Part } from "../../data/folders/image-folder.js";
import type { SavedSplit } from "../../data/folders/photo-split.js";
import { openData, openInMemory } from "../../data/open-data.js";
import type { OpenDataOptions, OpenedData } from "../../data/opened-data.js";
import { isShapesSize, SHAPES_SIZES, shapesDataset } from "../../data/shapes/shapes.js";
import { UsageError } from "../../errors.js";
import type { EvaluationView } from "../../evaluation/view.js";
import type { ResolvedRecipe } from "../schema.js";

/** The value of `data.path` for the built-in set. */
export const SHAPES = "shapes";
const SHAPES_SIZE = 32;

/** Which splits are opened, and how, in addition to the recipe. */
export interface OpenOptions {
  readonly parts: readonly Part[];
  /** The split of photos that the run made when it was first started. */
  readonly split?: SavedSplit;
  /** How photos are cropped for evaluation; by default as in `photo-loader.ts`. */
  readonly view?: EvaluationView;
  /** Whether all photos of a folder without splits are test images. */
  readonly allForTest?: boolean;
  /** Keys of photos that must not be in a split that is drawn here. */
  readonly avoid?: ReadonlySet<string>;
  /** Largest number of validation images. */
  readonly limitValidation?: number | null;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Opens the images of a recipe: CIFAR, a folder of photos, or the built-in set "shapes".
 *
 * @throws ERR_DATA_MISSING no path is given, and what the readers throw
 */
export async function openRecipeData(recipe: ResolvedRecipe, options: OpenOptions): Promise<OpenedData> {
  const { data, seed } = recipe;
  const { parts, split, view, allForTest, avoid, limitValidation, onProgress } = options;
  const path = pathOf(recipe);
  const opening: OpenDataOptions = {
    parts,
    seed,
    augmentation: data.augmentation,
    imageSize: data.imageSize,
    limitTrain: data.limitTrain,
    limitTest: data.limitTest,
    limitValidation,
    validationFraction: data.validationFraction,
    sampler: data.sampler,
    onBadImage: data.onBadImage,
    maxBad: data.maxBad,
    cacheBytes: data.cacheMemory ?? undefined,
    workers: data.workers ?? undefined,
    split,
    ...view,
    allForTest,
    avoid,
    onProgress,
  };
  return path === SHAPES ? openShapes(recipe, opening) : openData(path, opening);
}

/** The path of a recipe's images. @throws ERR_DATA_MISSING no path is given */
export function pathOf({ data: { path } }: ResolvedRecipe): string {
  if (path !== null) return path;
  throw new UsageError(
    "ERR_DATA_MISSING",
    "the data path is missing. Add `data.path: PATH`, a folder of images, or `data.path: shapes`, the built-in set",
  );
}

/** Draws the built-in set into memory. Its splits have different keys, so they share no image. */
function openShapes({ data }: ResolvedRecipe, options: OpenDataOptions): OpenedData {
  const { images, testImages, validationImages, seed, textureCorrelation } = data.shapes;
  const size = data.imageSize ?? SHAPES_SIZE;
  if (!isShapesSize(size)) {
    throw new UsageError("ERR_SHAPES", `\`data.imageSize: ${size}\`: shapes have ${SHAPES_SIZES.join(" to ")} pixels`);
  }
  const wants = (part: Part) => (options.parts ?? []).includes(part);
  const wantsTraining = wants("train") || (wants("validation") && validationImages === 0);
  return openInMemory(
    {
      train: wantsTraining
        ? shapesDataset({ split: "train", count: images, size, seed, textureCorrelation })
        : undefined,
      validation:
        wants("validation") && validationImages > 0
          ? shapesDataset({ split: "validation", count: validationImages, size, seed })
          : undefined,
      test: wants("test") ? shapesDataset({ split: "test", count: testImages, size, seed }) : undefined,
    },
    {
      ...options,
      imageSize: undefined,
      available: validationImages > 0 || data.validationFraction ? PARTS : ["train", "test"],
    },
  );
}
