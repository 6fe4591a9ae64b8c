/**
 * PyTorch's own torchrun starts two ranks of `advprop train`, also again after one was killed: the weights are those of `advprop launch`, bit for bit.
 *
 *     npm run test:peers -- --python PYTHON
 *
 * PYTHON needs torch (python3 -m venv VENV && VENV/bin/pip install torch==2.13.0 numpy). Prints a line a start, and ends with exit code 1
 * where the weights differ.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { python: { type: "string" }, only: { type: "string", default: "" } } });
if (values.python === undefined) {
  console.error("test:peers: which Python has torch must be said: npm run test:peers -- --python PYTHON");
  process.exit(2);
}
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "advprop-torchrun-"));
const train = (run) =>
  "train --data shapes --limit-train 64 --batch-size 16 --epochs 5 --threads 1 --attack-steps 1 --quiet " +
  "--set data.shapes.validationImages=32 --set data.shapes.images=64 --set training.logEverySteps=1 " +
  `--set training.checkpointEverySteps=2 --run ${join(folder, run)}`;
const weightsOf = (run) => readFileSync(join(folder, run, "checkpoints", "last.safetensors"));

/** torchrun with two ranks of our program. */
function torchrun(run, restarts) {
  const flags = ["--nnodes", "1", "--nproc-per-node", "2", "--max-restarts", String(restarts), "--no-python"];
  // Without -- torchrun takes --run for a short form of its own --run-path.
  const args = ["-m", "torch.distributed.run", ...flags, "--", process.execPath, MAIN, ...train(run).split(" ")];
  return spawn(values.python, args, { stdio: ["ignore", "ignore", "pipe"] });
}

const ended = (child) =>
  new Promise((resolve) => {
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    child.on("close", (status) => resolve({ status, said }));
  });

/** The process of rank 1 that writes nothing but trains in a run's folder. */
function rankOne(run) {
  return readdirSync("/proc").find((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return environment.includes("RANK=1") && command.includes(join(folder, run));
    } catch {
      return false;
    }
  });
}

function compare(what, { status, said }, run) {
  const same = status === 0 && weightsOf(run).equals(weightsOf("launch"));
  console.log(`${same ? "equal" : "DIFFERENT"}  ${what}`);
  if (!same) {
    console.log(said);
    process.exitCode = 1;
  }
}

try {
  const version = spawnSync(values.python, ["-c", "import torch; print(torch.__version__)"], { encoding: "utf8" });
  console.log(`torch ${version.stdout.trim()}`);
  spawnSync(process.execPath, [MAIN, "launch", "--processes", "2", "--", ...train("launch").split(" ")]);
  compare("torchrun, two ranks", await ended(torchrun("plain", 0)), "plain");

  const restarted = torchrun("killed", 1);
  const end = ended(restarted);
  const log = join(folder, "killed", "metrics.jsonl");
  while (!existsSync(log) || !readFileSync(log, "utf8").includes('"step":10,')) await sleep(20);
  process.kill(Number(rankOne("killed")), "SIGKILL");
  compare("torchrun, two ranks, one killed after step 10 and both started again", await end, "killed");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
