/** A data set whose images are corrupted when they are read. */

import type { Dataset } from "../../data/datasets/dataset.js";
import type { RawImage } from "../../images/resize.js";
import { checkSeed } from "../../random.js";
import { type CorruptionName, checkCorruption, corrupt, type TableName } from "../index.js";

export interface CorruptedDatasetOptions {
  readonly severity: number;
  readonly seed: number;
  /** The published set whose parameters are used; by default the one made for the nearest image size. */
  readonly table?: TableName;
  /** Photographs from which frost takes its windows; by default textures made by program. */
  readonly frostTextures?: readonly RawImage[];
}

/**
 * A data set with every image corrupted. The draws are keyed by the identity of the sample. Images are computed at every
 * read and not kept.
 *
 * @throws UsageError ERR_CORRUPTION, ERR_SEVERITY, ERR_SEED
 */
export function corruptedDataset(
  dataset: Dataset,
  name: CorruptionName | (string & {}),
  { severity, seed, table, frostTextures }: CorruptedDatasetOptions,
): Dataset {
  checkCorruption(name, severity);
  checkSeed(seed, "corruptedDataset");
  const { classes, length, height, width, labels, samples } = dataset;
  return {
    name: `${dataset.name}, ${name} ${severity}`,
    classes,
    length,
    height,
    width,
    labels,
    samples,
    pixels: (index) =>
      corrupt(dataset.pixels(index), height, width, name, severity, {
        seed,
        sample: samples[index],
        table,
        frostTextures,
      }),
  };
}
