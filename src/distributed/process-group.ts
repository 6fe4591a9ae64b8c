/** The ranks of a data-parallel training, as an interface for the rest of the library. */
import { availableParallelism } from "node:os";
import {
  availableMemory,
  broadcast,
  checkGroup,
  type DType,
  failGroup,
  fromArray,
  type GroupStats,
  groupStats,
  joinGroup,
  leaveGroup,
  PendingSum,
  scope,
  type Tensor,
} from "../tensor/index.js";
import { processName, type RankEnvironment, rankEnvironment } from "./rank-environment.js";

/**
 * The processes that train together. If a rank ends, every call that waits for other ranks fails within 30 seconds with a RunError
 * ERR_RANK that names the rank.
 */
export class ProcessGroup {
  readonly environment: RankEnvironment;

  private constructor(environment: RankEnvironment) {
    this.environment = environment;
  }

  /**
   * Joins the other ranks that the environment names; see {@link rankEnvironment}.
   *
   * @returns undefined if this is the only process
   * @throws UsageError ERR_RANK_SETTING the environment is wrong
   * @throws RunError ERR_RANK a rank does not join
   */
  static joinFromEnvironment(env: NodeJS.ProcessEnv = process.env): ProcessGroup | undefined {
    const environment = rankEnvironment(env);
    return environment && ProcessGroup.join(environment);
  }

  /** @throws RunError ERR_RANK a rank does not join */
  static join(environment: RankEnvironment): ProcessGroup {
    // Silences libtorch's logs of broken connections, because our errors describe them better. libtorch reads this when it is loaded.
    process.env.GLOG_minloglevel ??= "3";
    process.env.TORCH_CPP_LOG_LEVEL ??= "FATAL";
    const { rank, size, host, port, restarts, joinSeconds } = environment;
    joinGroup({ rank, size, host, port, generation: String(restarts), name: processName(), seconds: joinSeconds });
    return new ProcessGroup(environment);
  }

  get rank(): number {
    return this.environment.rank;
  }

  get size(): number {
    return this.environment.size;
  }

  /** Threads per operator: this process's share of the host's cores. */
  get threads(): number {
    return Math.max(1, Math.floor(availableParallelism() / this.environment.localSize));
  }

  /** Memory for tensors in bytes: this process's share of the host's memory, without a reserve of a tenth. */
  get memory(): number {
    return Math.floor((0.9 * availableMemory()) / this.environment.localSize);
  }

  /** The sums of numbers over all ranks. @throws RunError ERR_RANK */
  sumNumbers(values: readonly number[]): number[] {
    return scope(() => {
      const tensor = fromArray(values, [values.length], "float64");
      new PendingSum([tensor]).finish(1);
      return tensor.toNumbers();
    });
  }

  /** Overwrites tensors of any dtypes with rank 0's. @throws RunError ERR_RANK */
  broadcast(tensors: readonly Tensor[]): void {
    const byType = new Map<DType, Tensor[]>();
    for (const tensor of tensors) byType.set(tensor.dtype, [...(byType.get(tensor.dtype) ?? []), tensor]);
    for (const same of byType.values()) broadcast(same);
  }

  /** Gives all ranks a JSON value of rank 0. @param value rank 0's value; ignored on other ranks. @throws RunError ERR_RANK */
  share<T>(value: T | undefined): T {
    return scope(() => {
      const bytes = new TextEncoder().encode(this.rank === 0 ? JSON.stringify(value) : "");
      const length = fromArray([bytes.length], [1], "int64");
      broadcast([length]);
      const text = fromArray(this.rank === 0 ? bytes : new Uint8Array(length.item()), [length.item()], "uint8");
      broadcast([text]);
      return JSON.parse(new TextDecoder().decode(text.toArray() as Uint8Array)) as T;
    });
  }

  /** @throws RunError ERR_RANK the group is known to have failed */
  check(): void {
    checkGroup();
  }

  /** Tells the other ranks that this rank has failed, and why. */
  fail(reason: string): void {
    failGroup(reason);
  }

  /** Waits for all ranks and leaves the group, which cannot be used after that. @throws RunError ERR_RANK */
  leave(): void {
    leaveGroup();
  }

  stats(): GroupStats {
    return groupStats();
  }
}
