/** Opens a data set of any kind as loaders of batches for training and evaluation. */

import { UsageError } from "../errors.js";
import type { Dataset, Split } from "./datasets/dataset.js";
import { digestOf } from "./datasets/digest.js";
import { limitPrefix, splitValidation } from "./datasets/subset.js";
import { checkClasses, PARTS, type Part } from "./folders/image-folder.js";
import { photosIn, recogniseFolder } from "./folders/recognise-folder.js";
import { untrainedNotes } from "./folders/split-notes.js";
import { readingFindings, refuseFolder } from "./inspection/check-structure.js";
import { evaluationBatches, trainingLoader } from "./loading/loader.js";
import type { EvaluationImages, OpenDataOptions, OpenedData } from "./opened-data.js";
import { openPhotos } from "./photos/open-photos.js";

/**
 * Opens CIFAR-10, CIFAR-100 or a folder of photos.
 *
 * A missing part `validation` is split off the training images by `validationFraction`. An existing one is used as it is. A
 * folder of photos without parts is split in three.
 *
 * @throws UsageError ERR_DATA_MISSING where the folder, or a requested training or test part, does not exist
 * @throws UsageError ERR_DATA_LAYOUT where no layout is recognised, or several are
 * @throws UsageError ERR_DATA_CHECK where photos of the set cannot be read or named
 * @throws UsageError ERR_DATA_CLASSES where the classes of the parts do not fit
 * @throws UsageError ERR_IMAGE_SIZE where the requested image size is not that of a set in memory
 */
export async function openData(path: string, options: OpenDataOptions): Promise<OpenedData> {
  const recognised = recogniseFolder(path, "openData");
  const { parts = ["train", "validation"] } = options;
  if (recognised.kind === "memory") {
    const { set: found } = recognised;
    const wantsTraining = parts.includes("train") || parts.includes("validation");
    const train = wantsTraining ? await found.load("train") : undefined;
    const test = parts.includes("test") ? await found.load("test") : undefined;
    const validation: readonly Part[] = options.validationFraction ? ["validation"] : [];
    return openInMemory({ train, test }, { ...options, available: ["train", ...validation, "test"] });
  }
  const folder = await photosIn(path, recognised, "openData");
  const findings = readingFindings(folder);
  refuseFolder(path, findings, "openData");
  checkClasses(folder);
  for (const part of PARTS) {
    const absent = folder.hasParts && folder.parts[part] === undefined;
    if (!absent || part === "validation" || !parts.includes(part)) continue;
    throw new UsageError(
      "ERR_DATA_MISSING",
      `openData: ${path} has no folder ${part}, only ${Object.keys(folder.parts).join(" and ")}. Add it, or choose another \`split\`.`,
    );
  }
  return { ...(await openPhotos(folder, parts, options)), findings };
}

/**
 * Opens one part of a data set that is read into memory: CIFAR-10 or CIFAR-100. For folders of photos, which are read while they
 * are used, see {@link openData}.
 *
 * @throws UsageError ERR_DATA_MISSING where the folder or the part does not exist
 * @throws UsageError ERR_DATA_LAYOUT where the folder holds anything else
 */
export async function openDataset(path: string, split: Split): Promise<Dataset> {
  const recognised = recogniseFolder(path, "openDataset");
  if (recognised.kind === "memory") return recognised.set.load(split);
  await photosIn(path, recognised, "openDataset");
  throw new UsageError("ERR_DATA_LAYOUT", `openDataset: ${path} is a folder of photos. Open it with openData.`);
}

/**
 * Loaders over images in memory, for sets that a program makes itself. `options.available` lists the existing parts; by default
 * they are those of `sets`.
 *
 * @throws UsageError ERR_IMAGE_SIZE where `imageSize` is not that of the images
 */
export function openInMemory(
  sets: { readonly train?: Dataset; readonly validation?: Dataset; readonly test?: Dataset },
  options: OpenDataOptions & { readonly available?: readonly Part[] },
): OpenedData {
  const any = sets.train ?? sets.validation ?? sets.test;
  if (any === undefined) throw new UsageError("ERR_DATA_MISSING", "openInMemory: at least one part must be given.");
  const { imageSize, limitTrain, limitTest, limitValidation, validationFraction, seed } = options;
  if (any.height !== any.width || (imageSize != null && imageSize !== any.height)) {
    throw new UsageError(
      "ERR_IMAGE_SIZE",
      `openData: the images of ${any.name} are ${any.width} x ${any.height} and are used as they are; got ` +
        `\`imageSize: ${imageSize}\`. Leave it out.`,
    );
  }
  let train: Dataset | undefined = sets.train && limitTrain != null ? limitPrefix(sets.train, limitTrain) : sets.train;
  let { validation } = sets;
  if (train !== undefined && validation === undefined && validationFraction) {
    ({ train, validation } = splitValidation(train, validationFraction, seed));
  }
  if (validation !== undefined && limitValidation != null) validation = limitPrefix(validation, limitValidation);
  const test = sets.test && limitTest != null ? limitPrefix(sets.test, limitTest) : sets.test;
  const evaluation = (set: Dataset | undefined): EvaluationImages | undefined =>
    set && {
      length: set.length,
      batches: (batchSize, part) => ({
        async *[Symbol.asyncIterator]() {
          yield* evaluationBatches(set, batchSize, part);
        },
      }),
    };
  const shown = train ?? any;
  const wanted = options.parts ?? PARTS;
  return {
    name: any.name,
    classes: any.classes,
    imageSize: any.height,
    whole: true,
    train:
      train && wanted.includes("train")
        ? {
            length: train.length,
            loader: (batchSize, drawing) => trainingLoader(train, { ...options, ...drawing, batchSize }),
          }
        : undefined,
    validation: wanted.includes("validation") ? evaluation(validation) : undefined,
    test: evaluation(test),
    available: options.available ?? PARTS.filter((part) => ({ train, validation, test })[part] !== undefined),
    sizes: {
      ...(train && { train: train.length }),
      ...(validation && { validation: validation.length }),
      ...(test && { test: test.length }),
    },
    undivided: false,
    split: undefined,
    photos: undefined,
    digest: () => digestOf([train, validation]),
    notes: untrainedNotes(train),
    leftOut: () => [],
    findings: [],
    preview: async (count) => {
      const [first] = evaluationBatches(limitPrefix(shown, count), count);
      return first;
    },
    statistics: () => undefined,
    close: async () => {},
  };
}
