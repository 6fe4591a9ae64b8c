/** Starts the ranks of one host as processes, watches them, and restarts all of them if one fails. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

export interface LaunchOptions {
  /** The program of each rank: a file for Node and its arguments. */
  readonly program: readonly string[];
  /** Number of ranks. */
  readonly processes: number;
  /** Largest number of restarts. */
  readonly maxRestarts: number;
  /** Called with messages for the user, and with each line that a rank other than 0 writes to standard error. */
  readonly say: (line: string) => void;
}

/** How a launch ended. */
export type LaunchEnd = "finished" | "stopped" | "failed" | "misused";

/** The environment variable with the process id of the launcher. A rank stops if this process has ended. */
export const LAUNCHER_VARIABLE = "ADVPROP_LAUNCHER";

/** Milliseconds in which the other ranks may report a failed rank before they are killed. */
const GRACE = 10_000;
/** Exit code of a process that was called wrongly. A restart would not help. */
const MISUSE = 2;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The ranks of a host. */
export class Launcher {
  readonly #options: LaunchOptions;
  #ranks: ChildProcess[] = [];
  #stopping = false;

  constructor(options: LaunchOptions) {
    this.#options = options;
  }

  /** Passes a signal on to all ranks, which stop as a single process does, and makes no more restarts. */
  stop(signal: NodeJS.Signals): void {
    this.#stopping = true;
    for (const rank of this.#ranks) rank.kill(signal);
  }

  /** Starts the ranks, and restarts all of them after a failure as long as restarts are left. */
  async run(): Promise<LaunchEnd> {
    const { maxRestarts, say } = this.#options;
    for (let restarts = 0; ; restarts++) {
      const { failure, misused } = await this.#runOnce(restarts);
      if (this.#stopping) return "stopped";
      if (failure === undefined) return "finished";
      if (misused) return "misused";
      const remedy =
        restarts < maxRestarts
          ? `Restarting all from the last checkpoint (restart ${restarts + 1} of ${maxRestarts}).`
          : maxRestarts > 0
            ? `All ${maxRestarts} allowed restarts were used.`
            : "`maxRestarts: 3` would restart all from the last checkpoint.";
      say(`launch: ${failure}; the others were stopped. ${remedy}`);
      if (restarts >= maxRestarts) return "failed";
    }
  }

  /** Runs all ranks to their end. */
  async #runOnce(restarts: number): Promise<{ readonly failure: string | undefined; readonly misused: boolean }> {
    const port = await freePort();
    if (this.#stopping) return { failure: undefined, misused: false }; // between two attempts no rank gets the signal
    this.#ranks = Array.from({ length: this.#options.processes }, (_, rank) => this.#start(rank, port, restarts));
    const killed = new Set<number>();
    let grace: NodeJS.Timeout | undefined;
    const killOthers = (child: ChildProcess) => {
      for (const other of this.#ranks) if (other !== child) other.kill("SIGKILL");
    };
    const ended = await Promise.all(
      this.#ranks.map(async (child) => {
        const end = await endOf(child).catch((error) => {
          killOthers(child); // a rank that could not be started: the others would wait for it
          throw error;
        });
        if (end.code !== 0 && !this.#stopping) {
          grace ??= setTimeout(() => {
            this.#ranks.forEach((other, number) => {
              if (other.exitCode !== null || other.signalCode !== null) return;
              killed.add(number);
              other.kill("SIGKILL"); // the only signal that also ends a suspended process
            });
          }, GRACE);
        }
        return end;
      }),
    );
    clearTimeout(grace);
    return { failure: describe(ended, killed), misused: ended.some(({ code }) => code === MISUSE) };
  }

  #start(rank: number, port: number, restarts: number): ChildProcess {
    const { program, processes, say } = this.#options;
    const variables = {
      RANK: rank,
      LOCAL_RANK: rank,
      WORLD_SIZE: processes,
      LOCAL_WORLD_SIZE: processes,
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: port,
      TORCHELASTIC_RESTART_COUNT: restarts,
      TORCHELASTIC_USE_AGENT_STORE: "False",
      [LAUNCHER_VARIABLE]: process.pid,
    };
    const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
    const child = spawn(process.execPath, program, {
      env: { ...process.env, ...env },
      // In its own session, so that Ctrl-C reaches it only once, through the launcher.
      detached: true,
      stdio: ["ignore", "inherit", rank === 0 ? "inherit" : "pipe"],
    });
    eachLine(child, (line) => say(`[rank ${rank}] ${line}`));
    return child;
  }
}

/** The rank that failed first, as far as this can be known: a rank that was killed from outside rather than those that noticed it. */
function describe(ended: readonly Ended[], killed: ReadonlySet<number>): string | undefined {
  const ranksWhere = (test: (end: Ended, rank: number) => boolean) =>
    ended.flatMap((end, rank) => (test(end, rank) ? [rank] : []));
  const named = (ranks: readonly number[], what: (rank: number) => string) =>
    ranks.length === 0 ? undefined : ranks.map((rank) => `rank ${rank} ${what(rank)}`).join(", ");
  return (
    named(
      ranksWhere(({ signal }, rank) => signal !== null && !killed.has(rank)),
      (rank) => `was killed by ${ended[rank].signal}`,
    ) ??
    named([...killed], () => "no longer responded and was killed") ??
    named(
      ranksWhere(({ code }) => code === MISUSE),
      () => `was called wrongly (exit code ${MISUSE})`,
    ) ??
    named(
      ranksWhere(({ code }) => code !== 0),
      (rank) => `failed (exit code ${ended[rank].code})`,
    )
  );
}

const endOf = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal }));
  });

function eachLine({ stderr }: ChildProcess, take: (line: string) => void): void {
  let rest = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  });
  stderr?.on("end", () => {
    if (rest !== "") take(rest);
  });
}

/** A port of the loopback interface that no program listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === "object" && address !== null ? address.port : 0;
}
