/** The images of an epoch, shared by several processes that train or evaluate together. */

import { UsageError } from "../errors.js";

/** Which of the processes this is: part `part` of `parts`. */
export interface Share {
  /** In [0, parts). */
  readonly part: number;
  readonly parts: number;
}

export const ALL: Share = { part: 0, parts: 1 };

/** @throws UsageError ERR_SHARE where the part is not a whole number in [0, parts) */
function checkShare({ part, parts }: Share): void {
  if (Number.isSafeInteger(parts) && Number.isSafeInteger(part) && part >= 0 && part < parts) return;
  throw new UsageError(
    "ERR_SHARE",
    `share: part must be a whole number in [0, parts); got part ${part} of ${parts} parts.`,
  );
}

/**
 * The places of an epoch's order that a part trains on, batch after batch. A step of all parts together takes the next
 * `parts * batchSize` places, of which each part takes `batchSize` that follow each other: together they see the images that one
 * process with batches of `parts * batchSize` sees, in the same steps. Places at the end that do not fill a step are left out.
 *
 * @param length    images of the epoch
 * @param batchSize of one part
 */
export function trainingPlaces(length: number, batchSize: number, { part, parts }: Share): Uint32Array {
  checkShare({ part, parts });
  const steps = Math.floor(length / (parts * batchSize));
  return Uint32Array.from({ length: steps * batchSize }, (_, i) => {
    const step = Math.floor(i / batchSize);
    return (step * parts + part) * batchSize + (i % batchSize);
  });
}

/** From which image to which a part evaluates: parts follow each other, and differ by one image at most. */
export function evaluationRange(length: number, { part, parts }: Share): readonly [number, number] {
  checkShare({ part, parts });
  return [Math.floor((length * part) / parts), Math.floor((length * (part + 1)) / parts)];
}
