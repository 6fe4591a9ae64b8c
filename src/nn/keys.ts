/** The keys of a batch's random draws. */
import type { Tensor } from "../tensor/tensor.js";

/**
 * Every draw is a pure function of (seed, purpose, epoch, sample, draw), so that a sample's draws depend neither on the
 * other samples of its batch nor on how often the run was stopped.
 */
export interface SampleKeys {
  readonly seed: number;
  readonly epoch: number;
  /** int64 [N]: the identity of each sample in its data set */
  readonly samples: Tensor;
}
