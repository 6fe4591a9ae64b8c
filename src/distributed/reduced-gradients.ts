/** Gradients that are the same on all ranks. */
import { assert } from "../errors.js";
import { GradientBuckets, GradientStore, type Tensor } from "../tensor/index.js";

/** Bytes of a bucket: as in PyTorch's DistributedDataParallel, and less where the whole is small, so that some of it overlaps. */
const MOST_BYTES = 25 * 2 ** 20;
const LEAST_BYTES = 64 * 2 ** 10;
/** Parts that a small network's gradients are divided into. */
const PARTS = 4;

/**
 * A store whose sums become means over all ranks. Buckets of gradients leave while the last backward pass of an update goes on: the loss
 * that was the last of the update before.
 */
export class ReducedGradients extends GradientStore {
  readonly #buckets: GradientBuckets;
  /** Losses of the update so far, and of the one before; undefined where nothing may leave early. */
  #losses = 0;
  #lossesBefore: number | undefined;
  #following = false;
  #factor = 1;
  /** Whether a part of the store is taken out and put back in the middle of an update. */
  #rewritten = false;

  /** @param overlap whether buckets may leave during a backward pass */
  constructor(
    leaves: readonly Tensor[],
    readonly overlap: boolean,
  ) {
    super(leaves);
    const bytes = leaves.reduce((total, leaf) => total + leaf.size * (leaf.dtype === "float64" ? 8 : 4), 0);
    this.#buckets = new GradientBuckets(leaves, Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.ceil(bytes / PARTS))));
  }

  /** What the losses that are added next count, 1 for those of a full part of a mini-batch. */
  weigh(factor: number): void {
    this.#factor = factor;
  }

  override add(loss: Tensor, weight = 1): Tensor {
    this.#begin(loss);
    return super.add(loss, weight * this.#factor);
  }

  override addWithInput(loss: Tensor, input: Tensor, weight = 1): { readonly loss: Tensor; readonly gradient: Tensor } {
    this.#begin(loss);
    return super.addWithInput(loss, input, weight * this.#factor);
  }

  override scaled<T>(factors: readonly number[], run: () => T): T {
    this.#rewritten = true;
    return super.scaled(factors, run);
  }

  #begin(loss: Tensor): void {
    assert(!this.#following, "an update has more losses than the one before");
    this.#losses += 1;
    if (!this.overlap || this.#rewritten || this.#losses !== this.#lossesBefore) return;
    this.#following = true;
    this.#buckets.follow(loss);
  }

  /** Starts the sums that have not begun: the update has no more losses. */
  start(): void {
    this.#buckets.start();
    this.#lossesBefore = this.#losses;
    this.#losses = 0;
    this.#following = false;
  }

  /** Waits, and makes the sums over all ranks times a factor what {@link read} gives. @throws RunError ERR_RANK */
  finish(factor: number): void {
    this.#buckets.finish(factor);
  }

  override clear(): void {
    super.clear();
    this.#losses = 0;
  }

  dispose(): void {
    this.#buckets.dispose();
  }
}
