/** Opens the parts of a folder of photos as loaders. */

import { type ImageFolder, PARTS, type Part, type Photo } from "../folders/image-folder.js";
import { applySplit, type SavedSplit, splitPhotos } from "../folders/photo-split.js";
import { grownNotes, splitNotes } from "../folders/split-notes.js";
import type { EvaluationImages, OpenDataOptions, OpenedData } from "../opened-data.js";
import { LeftOutPhotos } from "./bad-photos.js";
import { type EvaluationPhotos, evaluationPhotos, type PhotoSource, trainingPhotos } from "./photo-loader.js";
import type { PhotoSet } from "./photo-set.js";
import { limitStratified } from "./photo-set.js";
import { readableSets } from "./readable-sets.js";

/** Default side of the images, as of networks for ImageNet. */
const DEFAULT_IMAGE_SIZE = 224;
/** Default share of the validation part, and of the test part, that is split off a folder without parts. */
export const DEFAULT_FRACTION = 0.15;

/**
 * Opens the requested parts of a folder. Threads start with the first batch.
 *
 * Every photo is checked before, and for training also those of the test part. So photos that cannot be read are known from the
 * start: they are an error, or are left out.
 *
 * @throws UsageError ERR_BAD_IMAGES where photos cannot be read and may not be left out, or no photo of a part can be read
 * @throws UsageError ERR_DATA_CLASSES where a class has no photo left to train on
 */
export async function openPhotos(
  folder: ImageFolder,
  wanted: readonly Part[],
  options: OpenDataOptions,
): Promise<Omit<OpenedData, "findings">> {
  const { seed, augmentation } = options;
  const size = options.imageSize ?? DEFAULT_IMAGE_SIZE;
  const undivided = options.allForTest === true && !folder.hasParts;
  const leftOut = new LeftOutPhotos(folder.root, options);
  const split = undivided ? undefined : (options.split ?? (await makeSplit(folder, wanted, leftOut, options)));
  const parts = undivided ? { test: folder.parts.train } : partsOf(folder, split);
  const { sets, photos, notes } = await readableSets(folder, parts, wanted, leftOut, {
    ...options,
    avoid: undivided ? undefined : options.avoid,
  });
  const drawn = split !== undefined && options.split === undefined;
  const sources: PhotoSource[] = [];
  const opened = <T extends PhotoSource>(source: T): T => {
    sources.push(source);
    return source;
  };
  const evaluation = (set: PhotoSet | undefined): EvaluationImages | undefined => {
    if (set === undefined) return undefined;
    // Passes with the same batch size share one source, and so its threads.
    const bySize = new Map<number, EvaluationPhotos>();
    let files: ReadonlyMap<number, string> | undefined;
    return {
      length: set.length,
      fileOf(sample) {
        files ??= new Map(set.files.map((file, i) => [set.samples[i], file]));
        return files.get(sample) ?? "";
      },
      batches(batchSize, part) {
        // A process always requests the same part, so that the batch size is enough as a key.
        const known = bySize.get(batchSize);
        if (known !== undefined) return known;
        const source = opened(evaluationPhotos(set, { ...options, leftOut, batchSize, size, part }));
        bySize.set(batchSize, source);
        return source;
      },
    };
  };

  const trainSet = sets.get("train");
  const validationSet = wanted.includes("validation") ? sets.get("validation") : undefined;
  const testSet = wanted.includes("test") ? sets.get("test") : undefined;
  let reading: PhotoSource | undefined;
  return {
    name: folder.name,
    classes: folder.classes,
    imageSize: size,
    whole: false,
    train:
      trainSet && wanted.includes("train")
        ? {
            length: trainSet.length,
            loader(batchSize, { views, part } = {}) {
              const { crop: _, ...others } = augmentation;
              const loader = opened(
                trainingPhotos(trainSet, { ...options, leftOut, batchSize, size, ...others, views, part }),
              );
              reading = loader;
              return loader;
            },
          }
        : undefined,
    validation: evaluation(validationSet),
    test: evaluation(testSet),
    available: PARTS.filter((part) => (parts[part]?.length ?? 0) > 0),
    sizes: Object.fromEntries([...sets].map(([part, { length }]) => [part, length])),
    undivided,
    split,
    photos,
    digest: undefined,
    notes: [
      ...(drawn ? splitNotes(split, folder) : []),
      ...(options.split === undefined ? [] : grownNotes(folder, options.split)),
      ...notes,
    ],
    leftOut: () => leftOut.photos,
    async preview(count) {
      // The first photos by name would all be of one class.
      const shown = limitStratified(trainSet ?? validationSet ?? testSet!, count, seed);
      const source = evaluationPhotos(shown, {
        ...options,
        leftOut,
        batchSize: count,
        size,
        workers: 1,
      });
      try {
        for await (const batch of source) return batch;
        throw new Error("a set has at least one photo");
      } finally {
        await source.close();
      }
    },
    statistics: () => reading?.statistics(),
    close: async () => {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}

/** The split that a folder needs: into three parts where it has none, or only a missing validation part. */
async function makeSplit(
  folder: ImageFolder,
  wanted: readonly Part[],
  leftOut: LeftOutPhotos,
  options: OpenDataOptions,
): Promise<SavedSplit | undefined> {
  const { seed, validationFraction, testFraction } = options;
  const { train = [], validation } = folder.parts;
  const fractions = folder.hasParts
    ? { validation: validation === undefined ? (validationFraction ?? 0) : 0, test: 0 }
    : { validation: validationFraction ?? DEFAULT_FRACTION, test: testFraction ?? DEFAULT_FRACTION };
  const needed = !folder.hasParts || wanted.some((part) => part !== "test");
  if (!needed || train.length === 0 || fractions.validation + fractions.test === 0) return undefined;
  return splitPhotos(folder.root, train, fractions, seed, { ...options, leftOut });
}

function partsOf(folder: ImageFolder, split: SavedSplit | undefined): Partial<Record<Part, readonly Photo[]>> {
  if (split === undefined) return folder.parts;
  const { train, validation, test } = applySplit(folder, split);
  return folder.hasParts ? { ...folder.parts, train, validation } : { train, validation, test };
}
