/** A data set seen through a corruption. */

import type { Dataset } from "../../data/datasets/dataset.js";
import type { RawImage } from "../../images/resize.js";
import { checkSeed } from "../../random.js";
import { type CorruptionName, checkCorruption, corrupt, type TableName } from "../index.js";

export interface CorruptedDatasetOptions {
  readonly severity: number;
  readonly seed: number;
  /** Whose parameters; by default those made for the nearest size. */
  readonly table?: TableName;
  /** Photographs that frost takes its windows of; by default textures made by program. */
  readonly frostTextures?: readonly RawImage[];
}

/**
 * Every image of a data set corrupted, keyed by the identity of the sample; computed when it is asked for, and again the
 * next time.
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
