/** The processes that train together: sums over all of them, by c10d's Gloo. One group a process, on its main thread. */
import { type GroupStats, native } from "./native.js";
import type { Tensor } from "./tensor.js";

export type { GroupStats } from "./native.js";

/** A process of a group, and where the group meets. */
export interface GroupMember {
  /** From 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Of rank 0, as all ranks reach it. */
  readonly host: string;
  readonly port: number;
  /** Tells this start of the group from earlier ones at the same address. */
  readonly generation: string;
  /** What this process is called where others speak of it. */
  readonly name: string;
  /** Seconds that the others have to come. */
  readonly seconds: number;
}

/**
 * Meets the other ranks; waits for them.
 *
 * @throws RunError ERR_RANK one does not come in time, its rank is taken, or rank 0 cannot be reached
 */
export const joinGroup = ({ rank, size, host, port, generation, name, seconds }: GroupMember): void =>
  native.joinGroup(rank, size, host, port, generation, name, seconds);

/** Waits for all ranks and parts from them. @throws RunError ERR_RANK */
export const leaveGroup = (): void => native.leaveGroup();

/** Tells the other ranks that this one has failed: whatever they wait for ends with the reason. Takes a few seconds at most. */
export const failGroup = (reason: string): void => native.failGroup(reason);

/** @throws RunError ERR_RANK the group is known to have failed */
export const checkGroup = (): void => native.checkGroup();

export const groupStats = (): GroupStats => native.groupStats();

/** Overwrites tensors of one dtype with rank 0's. @throws RunError ERR_RANK */
export const broadcast = (tensors: readonly Tensor[]): void => native.broadcastTensors(tensors);

/** Sums of tensors over all ranks, under way. All ranks must begin the same sums in the same order. */
export class PendingSum {
  readonly #number: number;

  /** Begins. @param tensors of one dtype and device, which stay as they are until {@link finish} */
  constructor(tensors: readonly Tensor[]) {
    this.#number = native.startSum(tensors);
  }

  /** Waits, and writes the sums times a factor into the tensors. @throws RunError ERR_RANK a rank is gone */
  finish(factor: number): void {
    native.finishSum(this.#number, factor);
  }
}

/** Gradients of leaves summed over all ranks, bucket by bucket, while the backward pass goes on. */
export class GradientBuckets {
  readonly #number: number;

  /** @param bytes most of a bucket; a leaf that is larger is one by itself */
  constructor(leaves: readonly Tensor[], bytes: number) {
    this.#number = native.makeBuckets(leaves, bytes);
  }

  /** The gradient of this loss, computed next, is the last that is added to the leaves: each bucket leaves as soon as it is full. */
  follow(loss: Tensor): void {
    native.followBuckets(this.#number, loss);
  }

  /** Starts the buckets that have not left. */
  start(): void {
    native.startBuckets(this.#number);
  }

  /** Waits for all, and puts the sums times a factor in the leaves' stores; a store that is empty stays so. @throws RunError ERR_RANK */
  finish(factor: number): void {
    native.finishBuckets(this.#number, factor);
  }

  dispose(): void {
    native.disposeBuckets(this.#number);
  }
}
