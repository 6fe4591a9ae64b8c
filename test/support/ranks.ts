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
}

/** Starts a program of Node, given by its path from this folder. */
export const startProgram = (script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Rank =>
  startCommand(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args], env);

/** Starts any program, with `env` added to the environment. */
export function startCommand(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Rank {
  const started = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  started.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  started.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    started.on("close", (status, signal) => resolve({ status, signal, stdout, stderr, at: Date.now() }));
  });
  return { process: started, ended };
}

/** Starts ranks of a group as torchrun would; of them all unless told which. Those that are not started have no place in the list. */
export async function startRanks(
  size: number,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  started: readonly number[] = Array.from({ length: size }, (_, rank) => rank),
): Promise<Rank[]> {
  const port = await freePort();
  const ranks: Rank[] = [];
  for (const rank of started) {
    ranks[rank] = startProgram(script, args, {
      RANK: String(rank),
      LOCAL_RANK: String(rank),
      WORLD_SIZE: String(size),
      LOCAL_WORLD_SIZE: String(size),
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: String(port),
      TORCHELASTIC_RESTART_COUNT: "0",
      ...env,
    });
  }
  return ranks;
}
