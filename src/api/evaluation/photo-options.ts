/** Options of an evaluation that have an effect on photos only. */
import type { BadImagePolicy } from "../../data/photos/bad-photos.js";
import { UsageError } from "../../errors.js";

export interface PhotoOptions {
  /** A crop fraction that replaces that of the model's rule. */
  readonly cropFraction?: number | undefined;
  /** Threads that read the photos; null takes one per core, at most four unless UV_THREADPOOL_SIZE is set. */
  readonly workers: number | null;
  /** What to do with photos that cannot be read; by default as in the run's recipe, else they are refused. */
  readonly badImages?: BadImagePolicy;
}

/**
 * @param path      the images of the evaluation, for the message
 * @param arePhotos whether they are photos; called only if an option for photos is given
 * @throws UsageError ERR_FLAG options for photos are given, and the images are not photos; the message lists these options
 */
export function checkPhotoOptions(
  { cropFraction, workers, badImages = {} }: PhotoOptions,
  path: string,
  arePhotos: () => boolean,
): void {
  const { onBadImage, maxBad } = badImages;
  const options = { cropFraction, "data.workers": workers, "data.onBadImage": onBadImage, "data.maxBad": maxBad };
  const given = Object.entries(options).flatMap(([name, value]) => (value == null ? [] : [`\`${name}\``]));
  if (given.length === 0 || arePhotos()) return;
  const [have, them] = given.length === 1 ? ["has", "it"] : ["have", "them"];
  throw new UsageError(
    "ERR_FLAG",
    `evaluate: ${given.join(", ")} ${have} no effect on the images of ${path}, which are not photos. Leave ${them} out`,
  );
}
