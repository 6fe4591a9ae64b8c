/** The random start of an attack. */
import { UsageError } from "../errors.js";
import { drawFor, type SampleKeys } from "../nn/keys.js";
import { Purpose } from "../random.js";
import { scope, type Tensor } from "../tensor/index.js";
import { keyedUniform, less, where } from "../tensor/operators.js";
import type { ThreatModel } from "./threat-model.js";

/**
 * A random start: for each image a random point of its ball, or with a given probability the image itself.
 *
 * Source: facebookresearch/ImageNet-Adversarial-Training, which starts from the clean images with probability 0.2.
 * Departure: that code makes one draw for the whole batch. Here each image has its own draw, so that its start does not depend on the
 * batch.
 */
export function drawStart(
  threatModel: ThreatModel,
  images: Tensor,
  keys: SampleKeys,
  cleanProbability: number,
): Tensor {
  return scope(() => {
    const start = threatModel.start(images, keys);
    if (cleanProbability === 0) return start;
    const draws = drawFor(keys, { purpose: Purpose.cleanStart }, (samples, key) =>
      keyedUniform(samples, [1, 1, 1], key),
    );
    return where(less(draws, cleanProbability), images, start);
  });
}

/** @throws ERR_PROBABILITY it is outside [0, 1] */
export function checkProbability(value: number, what: string): void {
  if (value >= 0 && value <= 1) return;
  throw new UsageError("ERR_PROBABILITY", `${what} must be in [0, 1]; got ${value}`);
}
