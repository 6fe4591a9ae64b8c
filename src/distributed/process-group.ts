/** The ranks of a data-parallel training, as the rest of the library sees them. */
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
 * The processes that train together. Every call that waits for others ends with a RunError ERR_RANK that names who is gone, within 30
 * seconds of its going.
 */
export class ProcessGroup {
  readonly environment: RankEnvironment;

  private constructor(environment: RankEnvironment) {
    this.environment = environment;
  }

  /**
   * Meets the other ranks that the environment speaks of; see {@link rankEnvironment}.
   *
   * @returns undefined where this process is by itself
   * @throws UsageError ERR_RANK_SETTING the environment is wrong
   * @throws RunError ERR_RANK a rank does not come
   */
  static joinFromEnvironment(env: NodeJS.ProcessEnv = process.env): ProcessGroup | undefined {
    const environment = rankEnvironment(env);
    return environment && ProcessGroup.join(environment);
  }

  /** @throws RunError ERR_RANK a rank does not come */
  static join(environment: RankEnvironment): ProcessGroup {
    // What libtorch logs of connections that break is said better by the errors; it reads this when it is loaded.
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

  /** Threads of an operator that are this process's share of the host's cores. */
  get threads(): number {
    return Math.max(1, Math.floor(availableParallelism() / this.environment.localSize));
  }

  /** Bytes of tensors that are this process's share of the host's memory, a tenth left as reserve. */
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

  /** Rank 0's value, as JSON holds it. @param value what rank 0 sends; of the others nothing is taken. @throws RunError ERR_RANK */
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

  /** Tells the others that this rank cannot go on, and why. */
  fail(reason: string): void {
    failGroup(reason);
  }

  /** Waits for all ranks and parts from them; the group is then of no use. @throws RunError ERR_RANK */
  leave(): void {
    leaveGroup();
  }

  stats(): GroupStats {
    return groupStats();
  }
}
