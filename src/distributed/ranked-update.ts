/** Combines the update of one rank with those of all ranks: gradients, running statistics and losses. */
import { PendingSum, type Tensor } from "../tensor/index.js";
import type { ProcessGroup } from "./process-group.js";
import type { ReducedGradients } from "./reduced-gradients.js";

/** Reasons to stop a run. All ranks stop if one has a reason. */
const STOP_REASONS = ["signal", "time budget"] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** The results of an update over all ranks. */
export interface ReducedUpdate {
  /** Means of the given losses over all images. */
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
   * @param statistics running statistics to average; none if they are equal on all ranks already
   * @param partImages number of a mini-batch's images on this rank
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

  /** Begins a mini-batch with this number of images on this rank. It is less than the rank's part if photos could not be read. */
  begin(images: number): void {
    this.#counts.push(images / this.#partImages);
    this.#gradients.weigh(images / this.#partImages);
  }

  /**
   * Ends an update. On every rank the gradients are then means over all images, and the running statistics means over ranks.
   *
   * @param losses the losses of each mini-batch, as means over this rank's images
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
