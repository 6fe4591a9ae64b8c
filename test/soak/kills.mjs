/**
 * Kills a training again and again, resumes it each time, and compares the final weights with those of one that was left alone.
 *
 *     npm run test:soak -- --only kills
 *
 * ResNet-20, AdvProp with an average of the weights. Some kills come at a place inside the writing of a checkpoint, the others
 * at a random time after the start. Ends with exit code 1 where a run can't be resumed, a checkpoint is broken, or the weights differ in one bit.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSafetensors } from "../../dist/runs/safetensors.js";
import { readCheckpoint } from "../../dist/training/checkpoint.js";

const KILLS = 100;
/** Of the kills, how many come inside the writing of a checkpoint. */
const IN_CHECKPOINTS = 40;
const KILLS_OF_A_RUN = 5;
const SEED = 1;
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const TRAIN = [
  ...["train", "--data", "shapes", "--model", "resnet20", "--method", "advprop", "--threads", "1"],
  ...["--batch-size", "8", "--epochs", "6", "--set", "data.shapes.images=32", "--set", "training.averageDecay=0.9"],
  ...["--set", "data.shapes.validationImages=10", "--set", "data.shapes.testImages=10"],
  ...["--set", "training.checkpointEverySteps=2"],
];
const PLACES = ["writing:3", "writing:90", "written:1", "written:2", "renamed:1", "renamed:2"];

const folder = mkdtempSync(join(tmpdir(), "advprop-kills-"));
const random = mulberry(SEED);
const counts = { checkpoint: 0, "random time": 0, "before the first checkpoint": 0 };
try {
  const reference = join(folder, "reference");
  const { milliseconds } = await advprop([...TRAIN, "--run", reference]);
  const expected = tensors(reference);
  let kills = 0;
  for (let number = 1; kills < KILLS; number++) {
    const run = join(folder, `run-${number}`);
    for (let i = 0; i < KILLS_OF_A_RUN && kills < KILLS; i++) {
      const args = existsSync(join(run, "run.json")) ? ["train", "--run", run, "--resume"] : [...TRAIN, "--run", run];
      const inCheckpoint = counts.checkpoint < IN_CHECKPOINTS && random() < 0.5;
      const place = `last.safetensors:${PLACES[Math.floor(random() * PLACES.length)]}`;
      const { signal } = inCheckpoint
        ? await advprop(args, { place })
        : await advprop(args, { after: 300 + random() * milliseconds });
      if (signal !== "SIGKILL") break; // it came to its end first
      kills += 1;
      counts[inCheckpoint ? "checkpoint" : "random time"] += 1;
      if (!existsSync(join(run, "run.json"))) {
        counts["before the first checkpoint"] += 1;
        rmSync(run, { recursive: true, force: true });
      } else checkCheckpoints(run);
    }
    const args = existsSync(join(run, "run.json")) ? ["train", "--run", run, "--resume"] : [...TRAIN, "--run", run];
    const { status, stderr } = await advprop(args);
    if (status !== 0) throw new Error(`${run} did not go on:\n${stderr}`);
    const found = tensors(run);
    for (const [name, { data }] of expected) {
      if (!Buffer.from(found.get(name).data).equals(Buffer.from(data))) throw new Error(`${run}: ${name} differs`);
    }
    process.stdout.write(`run ${number}: ${kills} kills, weights as those of the undisturbed run\n`);
    rmSync(run, { recursive: true, force: true });
  }
  console.log(
    `${kills} kills: ${Object.entries(counts)
      .map((entry) => entry.reverse().join(" "))
      .join(", ")}; no checkpoint broken`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Every checkpoint that has its name is whole, whenever its writer was killed. */
function checkCheckpoints(run) {
  const checkpoints = join(run, "checkpoints");
  for (const name of readdirSync(checkpoints)) {
    if (name.endsWith(".safetensors") && !name.startsWith(".")) readCheckpoint(join(checkpoints, name));
  }
}

function tensors(run) {
  return decodeSafetensors(readFileSync(join(run, "checkpoints", "last.safetensors"))).tensors;
}

function advprop(args, { place, after } = {}) {
  const env = { ...process.env, ...(place && { ADVPROP_FAULT_POINT: place }) };
  const start = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const timer = after && setTimeout(() => child.kill("SIGKILL"), after);
  return new Promise((resolve) => {
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stderr, milliseconds: performance.now() - start });
    });
  });
}

/** A small generator, so that the same kills come again: mulberry32. */
function mulberry(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
