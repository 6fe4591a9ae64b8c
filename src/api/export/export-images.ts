/** A few images on which an exported file is compared with its model. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Pixels } from "../../data/loading/batch.js";
import { photoExists, photoPath, readPhoto } from "../../data/photos/read-photo.js";
import { readUsedPhotos } from "../../data/photos/used-photos.js";
import { shapesDataset } from "../../data/shapes/shapes.js";
import { AdvPropError } from "../../errors.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import { cutCentre } from "../../images/centre-cut.js";
import { centreCrop, whole } from "../../images/crop.js";
import { cutImage, imageSize as photoSize } from "../../images/cut.js";
import type { ModelSpecification } from "../../models/classifier.js";
import { openRecipeData } from "../../recipes/build/data.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import { parseSavedRecipe } from "../../recipes/saved.js";
import { RunDirectory } from "../../runs/run-directory.js";

const MOST = 8;
/** Range of sides of the built-in set. */
const DRAWN = { least: 32, most: 224 };

/** Number of images; fewer if they are large, because they take long. */
const countOf = ({ imageSize }: ModelSpecification) => Math.min(MOST, Math.max(2, evaluationBatchSize(imageSize)));

export interface SampleImages extends Pixels {
  /** Description of the images for the user. */
  readonly of: string;
}

/**
 * Two to eight images, prepared for a model: test images or photos of its run, or images of the built-in set if there is no run or its
 * data no longer exist.
 */
export async function sampleImages(run: string | undefined, specification: ModelSpecification): Promise<SampleImages> {
  const own = run === undefined ? undefined : await ownImages(run, specification);
  return own ?? drawnImages(specification);
}

async function ownImages(path: string, specification: ModelSpecification): Promise<SampleImages | undefined> {
  const run = RunDirectory.open(path);
  const recipe = resolveRecipe(parseSavedRecipe(readFileSync(run.recipe, "utf8"), run.recipe));
  try {
    if (existsSync(run.photos)) return await ownPhotos(run.photos, recipe.data.path ?? "", specification);
    const data = await openRecipeData(recipe, { parts: ["test"] });
    try {
      if (data.test === undefined || data.imageSize !== specification.imageSize) return undefined;
      for await (const { pixels, height, width } of data.test.batches(countOf(specification))) {
        return { pixels, height, width, of: data.name };
      }
    } finally {
      await data.close();
    }
  } catch (error) {
    if (!(error instanceof AdvPropError)) throw error;
  }
  return undefined;
}

/** Photos of a run, evenly spaced in its list. @throws ERR_IMAGE a photo no longer exists, or is damaged */
async function ownPhotos(list: string, folder: string, specification: ModelSpecification) {
  const { imageSize: size, view } = specification;
  const photos = readUsedPhotos(list);
  const count = Math.min(countOf(specification), photos.length);
  const pixels = new Uint8Array(count * size * size * 3);
  for (let i = 0; i < count; i++) {
    const file = photoPath(folder, photos[Math.floor((i * photos.length) / count)].file);
    if (!photoExists(file)) return undefined;
    const bytes = await readPhoto(file);
    const target = pixels.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    await cutCentre(bytes, file, await photoSize(bytes, file), { size, ...view }, target);
  }
  return { pixels, height: size, width: size, of: `photos of ${resolve(folder)}` };
}

function drawnImages(specification: ModelSpecification): SampleImages {
  const { imageSize: size } = specification;
  const count = countOf(specification);
  const drawn = Math.min(Math.max(size, DRAWN.least), DRAWN.most);
  const set = shapesDataset({ split: "test", count, size: drawn, seed: 0 });
  const pixels = new Uint8Array(count * size * size * 3);
  for (let i = 0; i < count; i++) {
    const image = { pixels: set.pixels(i), height: drawn, width: drawn };
    const { width, height, window } = centreCrop(drawn, drawn, size, 1);
    const cut = { region: whole(image), size: { width, height }, window, interpolation: "bicubic" } as const;
    cutImage(image, cut, pixels.subarray(i * size * size * 3, (i + 1) * size * size * 3));
  }
  return { pixels, height: size, width: size, of: "the built-in set shapes" };
}
