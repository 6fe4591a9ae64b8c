/** Reads the environment variables of a rank, which torchrun, `advprop launch` and similar programs set. */
import { hostname } from "node:os";
import { UsageError } from "../errors.js";

/** The rank of a process, and the address of rank 0. */
export interface RankEnvironment {
  /** From 0. */
  readonly rank: number;
  /** Number of ranks, more than one. */
  readonly size: number;
  /** Rank and number of ranks on this host. They decide which GPU this process uses, and how many processes share the cores. */
  readonly localRank: number;
  readonly localSize: number;
  /** Host name or address of rank 0. */
  readonly host: string;
  readonly port: number;
  /** How often the group was restarted. */
  readonly restarts: number;
  /** Seconds to wait for the other ranks to join. */
  readonly joinSeconds: number;
}

/** Default of MASTER_PORT, as in torch. */
const DEFAULT_PORT = 29500;
/** Join times. A launcher that sets the restart count starts all ranks at once; others, such as a cluster, may start them minutes apart. */
const TOGETHER_SECONDS = 25;
const APART_SECONDS = 600;

/**
 * Reads torchrun's variables: RANK and WORLD_SIZE, MASTER_ADDR (default 127.0.0.1) and MASTER_PORT (29500), LOCAL_RANK (0) and
 * LOCAL_WORLD_SIZE (1), TORCHELASTIC_RESTART_COUNT (0). If TORCHELASTIC_USE_AGENT_STORE is True, torchrun itself listens on
 * MASTER_PORT, and the ranks use ADVPROP_PORT, by default MASTER_PORT + 1.
 *
 * @returns undefined for a single process: WORLD_SIZE is 1, or no variable is set
 * @throws UsageError ERR_RANK_SETTING a variable is missing, or is not a number in its range
 */
export function rankEnvironment(env: NodeJS.ProcessEnv = process.env): RankEnvironment | undefined {
  if (isUnset(env.WORLD_SIZE) && isUnset(env.RANK)) return undefined;
  const size = integerFrom(env, "WORLD_SIZE", { least: 1 });
  const rank = integerFrom(env, "RANK", { most: size - 1 });
  if (size === 1) return undefined;
  const localSize = integerFrom(env, "LOCAL_WORLD_SIZE", { least: 1, most: size, absent: 1 });
  const port = integerFrom(env, "MASTER_PORT", { least: 1, most: 65_534, absent: DEFAULT_PORT });
  const taken = env.TORCHELASTIC_USE_AGENT_STORE?.toLowerCase() === "true";
  const together = !isUnset(env.TORCHELASTIC_RESTART_COUNT);
  return {
    rank,
    size,
    localRank: integerFrom(env, "LOCAL_RANK", { absent: 0 }),
    localSize,
    host: env.MASTER_ADDR || "127.0.0.1",
    port: taken ? integerFrom(env, "ADVPROP_PORT", { least: 1, most: 65_535, absent: port + 1 }) : port,
    restarts: restartsOf(env),
    joinSeconds: together ? TOGETHER_SECONDS : APART_SECONDS,
  };
}

/** How often the launcher has restarted all ranks. @throws UsageError ERR_RANK_SETTING */
export const restartsOf = (env: NodeJS.ProcessEnv): number =>
  integerFrom(env, "TORCHELASTIC_RESTART_COUNT", { absent: 0 });

/** The name of this process in messages of other ranks. */
export const processName = (): string => `process ${process.pid} on ${hostname()}`;

const isUnset = (value: string | undefined): boolean => value === undefined || value === "";

function integerFrom(
  env: NodeJS.ProcessEnv,
  name: string,
  {
    least = 0,
    most = Number.MAX_SAFE_INTEGER,
    absent,
  }: { readonly least?: number; readonly most?: number; readonly absent?: number },
): number {
  const text = env[name];
  if (isUnset(text) && absent !== undefined) return absent;
  const value = isUnset(text) ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(
    "ERR_RANK_SETTING",
    `the environment variable ${name} must be a whole number ${range}; ${isUnset(text) ? "it is not set" : `got ${text}`}. ` +
      "torchrun and advprop launch set it. To train with a single process, unset RANK and WORLD_SIZE.",
  );
}
