/** A process that measures one form of one workload on request, by JSON lines, so that forms can take turns. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PEER = fileURLToPath(new URL("pytorch_peer.py", import.meta.url));
const ENGINE = fileURLToPath(new URL("engine-worker.mjs", import.meta.url));

/** Debian's name for it, and that of other systems. */
const JEMALLOC = [
  "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
  "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
  "/usr/lib/libjemalloc.so.2",
].find((path) => existsSync(path));
const JEMALLOC_TUNED = "background_thread:true,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1";

/** The forms of the peer that this machine has: `{ precision, threads, allocator }`. */
export function peerForms(threads) {
  const allocators = JEMALLOC === undefined ? ["default"] : ["default", "jemalloc"];
  // All threads first: what is slow beside the fastest so far is not waited for.
  return ["fp32", "bf16"].flatMap((precision) =>
    threads.toReversed().flatMap((count) => allocators.map((allocator) => ({ precision, threads: count, allocator }))),
  );
}

/** The peer's version of PyTorch; undefined where that Python has none. */
export function peerVersion(python) {
  const { status, stdout } = spawnSync(python, ["-c", "import torch; print(torch.__version__)"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** Starts the engine on a workload, with variables added to its environment. */
export const startEngine = (workload, { precision, threads }, environment = {}) =>
  start(process.execPath, [ENGINE, ...argumentsOf(workload, precision, threads)], environment);

/** Starts PyTorch on a workload. */
export function startPeer(python, workload, { precision, threads, allocator }) {
  const jemalloc = allocator === "jemalloc" ? { LD_PRELOAD: JEMALLOC, MALLOC_CONF: JEMALLOC_TUNED } : {};
  return start(python, [PEER, ...argumentsOf(workload, precision, threads)], jemalloc);
}

function argumentsOf({ model, method, batchSize, imageSize, attackSteps }, precision, threads) {
  const flags = { model, method, "batch-size": batchSize, "image-size": imageSize, precision, threads };
  if (attackSteps > 0) flags["attack-steps"] = attackSteps;
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Resolves when the process has its network; rejects with its own message where it cannot. */
async function start(command, args, environment) {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text) => {
    errors = (errors + text).slice(-4000);
  });
  child.stdin.on("error", () => {}); // the end of the process is reported below
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${basename(args[0])} ended: ${errors.trim()}`);
    return JSON.parse(value);
  };
  const hello = await answer();
  return {
    hello,
    /** Sends a request, and waits for its answer; where it takes longer than `within` ms the process is ended, for undefined. */
    async ask(request, within = Number.POSITIVE_INFINITY) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      if (within === Number.POSITIVE_INFINITY) return answer();
      const answered = answer();
      answered.catch(() => {}); // where it is ended meanwhile
      const controller = new AbortController();
      const late = setTimeout(within, undefined, { signal: controller.signal }).catch(() => {});
      const first = await Promise.race([answered, late]);
      if (first === undefined) child.kill("SIGKILL");
      controller.abort();
      return first;
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await ended;
    },
  };
}
