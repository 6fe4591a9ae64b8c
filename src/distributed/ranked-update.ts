/** What makes an update of one rank an update of all: gradients, running statistics and losses over all ranks. */
import { PendingSum, type Tensor } from "../tensor/index.js";
import type { ProcessGroup } from "./process-group.js";
import type { ReducedGradients } from "./reduced-gradients.js";

/** Why a run is to stop; all ranks stop where one has a reason. */
export const STOP_REASONS = ["signal", "time budget"] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** What an update came to over all ranks. */
export interface ReducedUpdate {
  /** Means over all images of the losses that were given. */
  readonly losses: readonly number[];
  readonly stop: StopReason | undefined;
}

export class RankedUpdate {
  readonly #group: ProcessGroup;
  readonly #gradients: ReducedGradients;
  readonly #statistics: readonly Tensor[];
  readonly #partImages: number;
  #counts: number[] = [];

  /**
   * @param statistics running ones, to be averaged; none where they are the same on all ranks already
   * @param partImages of a mini-batch that are this rank's
   */
  constructor(group: ProcessGroup, gradients: ReducedGradients, statistics: readonly Tensor[], partImages: number) {
    this.#group = group;
    this.#gradients = gradients;
    this.#statistics = statistics;
    this.#partImages = partImages;
  }

  get size(): number {
    return this.#group.size;
  }

  /** A mini-batch comes of which this rank has so many images: fewer than its part where photos could not be read. */
  begin(images: number): void {
    this.#counts.push(images / this.#partImages);
    this.#gradients.weigh(images / this.#partImages);
  }

  /**
   * Ends an update: the gradients are the means over all images, the running statistics the means over ranks, on all of them.
   *
   * @param losses of each mini-batch, means over this rank's images
   * @throws RunError ERR_RANK
   */
  finish(losses: readonly (readonly number[])[], stop: StopReason | undefined): ReducedUpdate {
    const counts = this.#counts;
    this.#counts = [];
    this.#gradients.start();
    const statistics = this.#statistics.length > 0 ? new PendingSum(this.#statistics) : undefined;
    const names = losses[0].length;
    const weighted = Array.from({ length: names }, (_, k) =>
      losses.reduce((total, ofBatch, i) => total + counts[i] * ofBatch[k], 0),
    );
    const wishes = STOP_REASONS.map((reason) => (reason === stop ? 1 : 0));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const sums = this.#group.sumNumbers([...weighted, total, ...wishes]);
    this.#gradients.finish(1 / sums[names]);
    statistics?.finish(1 / this.#group.size);
    return {
      losses: sums.slice(0, names).map((sum) => sum / sums[names]),
      stop: STOP_REASONS.find((_, i) => sums[names + 1 + i] > 0),
    };
  }
}
