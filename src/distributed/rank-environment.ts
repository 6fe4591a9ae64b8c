/** What the environment says of a process among those that train together: set by torchrun, `advprop launch` and the like. */
import { hostname } from "node:os";
import { UsageError } from "../errors.js";

/** The rank of a process, and the address at which the ranks meet. */
export interface RankEnvironment {
  /** From 0. */
  readonly rank: number;
  /** Number of ranks, more than one. */
  readonly size: number;
  /** The same on this host: which GPU is this process's, and how many share its cores. */
  readonly localRank: number;
  readonly localSize: number;
  /** Of rank 0. */
  readonly host: string;
  readonly port: number;
  /** How often the group was started again. */
  readonly restarts: number;
  /** Seconds that the other ranks have to come. */
  readonly joinSeconds: number;
}

/** Default of MASTER_PORT, which is torch's. */
const DEFAULT_PORT = 29500;
/** Whoever starts all ranks at once says how often it did so; others, such as a cluster, may start them minutes apart. */
const TOGETHER_SECONDS = 25;
const APART_SECONDS = 600;

/**
 * Reads torchrun's variables: RANK and WORLD_SIZE, MASTER_ADDR (default 127.0.0.1) and MASTER_PORT (29500), LOCAL_RANK (0) and
 * LOCAL_WORLD_SIZE (1), TORCHELASTIC_RESTART_COUNT (0). Where TORCHELASTIC_USE_AGENT_STORE is True torchrun itself listens on
 * MASTER_PORT, and the ranks meet on ADVPROP_PORT, by default MASTER_PORT + 1.
 *
 * @returns undefined for a process by itself: WORLD_SIZE is 1, or nothing is said
 * @throws UsageError ERR_RANK_SETTING a variable is missing or no number that it can be
 */
export function rankEnvironment(env: NodeJS.ProcessEnv = process.env): RankEnvironment | undefined {
  if (isUnset(env.WORLD_SIZE) && isUnset(env.RANK)) return undefined;
  const size = whole(env, "WORLD_SIZE", { least: 1 });
  const rank = whole(env, "RANK", { most: size - 1 });
  if (size === 1) return undefined;
  const localSize = whole(env, "LOCAL_WORLD_SIZE", { least: 1, most: size, absent: 1 });
  const port = whole(env, "MASTER_PORT", { least: 1, most: 65_534, absent: DEFAULT_PORT });
  const taken = env.TORCHELASTIC_USE_AGENT_STORE?.toLowerCase() === "true";
  const together = !isUnset(env.TORCHELASTIC_RESTART_COUNT);
  return {
    rank,
    size,
    localRank: whole(env, "LOCAL_RANK", { absent: 0 }),
    localSize,
    host: env.MASTER_ADDR || "127.0.0.1",
    port: taken ? whole(env, "ADVPROP_PORT", { least: 1, most: 65_535, absent: port + 1 }) : port,
    restarts: restartsOf(env),
    joinSeconds: together ? TOGETHER_SECONDS : APART_SECONDS,
  };
}

/** How often whoever starts the ranks has started all of them again. @throws UsageError ERR_RANK_SETTING */
export const restartsOf = (env: NodeJS.ProcessEnv): number => whole(env, "TORCHELASTIC_RESTART_COUNT", { absent: 0 });

/** How other ranks speak of this process. */
export const processName = (): string => `process ${process.pid} on ${hostname()}`;

const isUnset = (value: string | undefined): boolean => value === undefined || value === "";

function whole(
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
      "torchrun and advprop launch set it; for a process by itself unset RANK and WORLD_SIZE.",
  );
}
