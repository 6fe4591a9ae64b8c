/** A gradient store that sums gradients over all ranks. */
import { assert } from "../errors.js";
import { GradientBuckets, GradientStore, type Tensor } from "../tensor/index.js";

/**
 * Size of a bucket in bytes: as in PyTorch's DistributedDataParallel, but less for a small network, so that communication overlaps
 * computation.
 */
const MOST_BYTES = 25 * 2 ** 20;
const LEAST_BYTES = 64 * 2 ** 10;
/** Number of buckets of a small network. */
const PARTS = 4;

/**
 * A store whose sums become means over all ranks. Buckets of gradients are sent during the last backward pass of an update. The store
 * expects as many losses as in the previous update, so it knows which backward pass is the last.
 */
export class ReducedGradients extends GradientStore {
  readonly #buckets: GradientBuckets;
  /** Number of losses of this update so far, and of the previous one; undefined if buckets may not be sent early. */
  #losses = 0;
  #lossesBefore: number | undefined;
  #following = false;
  #factor = 1;
  /** Whether a part of the store is being scaled in the middle of an update. */
  #rewritten = false;

  /** @param overlap whether buckets may be sent during a backward pass */
  constructor(
    leaves: readonly Tensor[],
    readonly overlap: boolean,
  ) {
    super(leaves);
    const bytes = leaves.reduce((total, leaf) => total + leaf.size * (leaf.dtype === "float64" ? 8 : 4), 0);
    this.#buckets = new GradientBuckets(leaves, Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.ceil(bytes / PARTS))));
  }

  /** Sets the weight of the losses that are added next; 1 for a full part of a mini-batch. */
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
    assert(!this.#following, "an update has more losses than the previous one");
    this.#losses += 1;
    if (!this.overlap || this.#rewritten || this.#losses !== this.#lossesBefore) return;
    this.#following = true;
    this.#buckets.follow(loss);
  }

  /** Starts the sums that have not begun, because the update has no more losses. */
  start(): void {
    this.#buckets.start();
    this.#lossesBefore = this.#losses;
    this.#losses = 0;
    this.#following = false;
  }

  /** Waits for the sums over all ranks. {@link read} then gives them times a factor. @throws RunError ERR_RANK */
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
