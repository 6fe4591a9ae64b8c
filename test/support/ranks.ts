/** Processes that train together, as tests start them. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** How a process ended, and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Rank {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has said on standard error so far. */
  said(): string;
}

/** Starts a program of a test's folder, or the built command line, with a place among some ranks. */
export function startRank(
  script: string,
  args: readonly string[],
  place: { readonly rank: number; readonly size: number; readonly port: number },
  env: NodeJS.ProcessEnv = {},
): Rank {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const process_ = spawn(process.execPath, [path, ...args], {
    env: {
      ...process.env,
      RANK: String(place.rank),
      LOCAL_RANK: String(place.rank),
      WORLD_SIZE: String(place.size),
      LOCAL_WORLD_SIZE: String(place.size),
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: String(place.port),
      TORCHELASTIC_RESTART_COUNT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  process_.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  process_.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    process_.on("close", (status, signal) => resolve({ status, signal, stdout, stderr, at: Date.now() }));
  });
  return { process: process_, ended, said: () => stderr };
}

/** Starts so many ranks. */
export async function startRanks(
  size: number,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Rank[]> {
  const port = await freePort();
  return Array.from({ length: size }, (_, rank) => startRank(script, args, { rank, size, port }, env));
}
