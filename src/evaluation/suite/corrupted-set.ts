/** The conditions of a corrupted set on disk. */
import { CORRUPTIONS } from "../../corruptions/index.js";
import type { CorruptedSet } from "../../data/corrupted-set.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import type { EvaluationImages } from "../../data/opened-data.js";
import { UsageError } from "../../errors.js";
import { evaluationBatchSize, type Predictor } from "../predictor.js";
import { type Condition, corruptionId } from "./condition.js";
import { imagesAt, type SuiteImages } from "./images.js";

export interface CorruptedSetConditions {
  readonly set: CorruptedSet;
  /** The images of the first condition. Every other condition must have the same ones. */
  readonly images: SuiteImages;
  /** How files are turned into images: part of the key under which a condition is saved. */
  readonly reading: Condition["protocol"];
  /** Images of the set with the labels for evaluation. */
  read(corruption: string, severity: number): EvaluationImages;
}

/**
 * A condition for each corruption and severity of a set, with the benchmark's corruptions first.
 *
 * @throws what {@link CorruptedSet.fingerprint} throws
 */
export function corruptedSetConditions(source: CorruptedSetConditions): Condition[] {
  const { set, reading } = source;
  return benchmarkFirst(set.corruptions).flatMap((name) =>
    set.severities(name).map((severity): Condition => {
      const batches = () => sameImages(source, name, severity);
      return {
        id: corruptionId(name, severity),
        protocol: { ...reading, corruption: name, severity, files: set.fingerprint(name, severity) },
        corruption: {
          name,
          severity,
          at: (indices) => imagesAt(batches(), indices, evaluationBatchSize(set.imageSize)),
        },
        passes: 1,
        batches,
        predictorFor: (model: Predictor) => model,
      };
    }),
  );
}

/** Sorts the corruptions of the benchmark first, in their order, and keeps the order of the others. */
export function benchmarkFirst(corruptions: readonly string[]): string[] {
  const benchmark: string[] = CORRUPTIONS.filter((name) => corruptions.includes(name));
  return [...benchmark, ...corruptions.filter((name) => !benchmark.includes(name))];
}

/**
 * The images of a condition. They must be the same for every condition, since errors are averaged over corruptions image by
 * image.
 *
 * @throws UsageError ERR_DATA_SHAPE where an image is missing or at another index
 */
async function* sameImages(
  { set, images: { labels, samples }, read }: CorruptedSetConditions,
  corruption: string,
  severity: number,
): AsyncIterable<PixelBatch> {
  let index = 0;
  const differs = () =>
    new UsageError(
      "ERR_DATA_SHAPE",
      `evaluate: a corrupted set must have the same images for every corruption and severity; ${corruption} ${severity} in ${set.path} differs from the ` +
        `others at image ${index}. Complete it, or evaluate the folder of this corruption and severity by itself.`,
    );
  for await (const batch of read(corruption, severity).batches(evaluationBatchSize(set.imageSize))) {
    for (let i = 0; i < batch.labels.length; i++, index++) {
      if (batch.labels[i] !== labels[index] || batch.samples[i] !== samples[index]) throw differs();
    }
    yield batch;
  }
  if (index !== labels.length) throw differs();
}
