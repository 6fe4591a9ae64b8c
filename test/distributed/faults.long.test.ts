import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { type Ended, type Rank, startProgram, startRanks } from "../support/ranks.js";

const MAIN = "../../dist/cli/main.js";
const TRAIN = [
  ...["train", "--data", "shapes", "--limit-train", "64", "--batch-size", "16", "--epochs", "5", "--threads", "1"],
  ...["--attack-steps", "1", "--set", "data.shapes.validationImages=32", "--set", "data.shapes.images=64"],
  ...["--set", "training.averageDecay=0.9", "--set", "training.logEverySteps=1"],
  ...["--set", "training.checkpointEverySteps=3"],
];
const LIMIT = 30_000;

const launch = (run: string, ...flags: string[]): Rank =>
  startProgram(MAIN, ["launch", "--processes", "2", ...flags, "--", ...TRAIN, "--run", run]);

/** Waits until a run has come to a step. */
async function reached(run: string, step: number): Promise<void> {
  const log = join(run, "metrics.jsonl");
  while (!existsSync(log) || !readFileSync(log, "utf8").includes(`"step":${step},`)) await sleep(20);
}

/** The process of a rank that a launcher has started. */
function rankOf(launcher: Rank, rank: number): number {
  const wanted = [`RANK=${rank}`, `ADVPROP_LAUNCHER=${launcher.process.pid}`];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (wanted.every((entry) => environment.includes(entry))) return Number(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`rank ${rank} is not running`);
}

const lastCheckpoint = (run: string): Buffer => readFileSync(join(run, "checkpoints", "last.safetensors"));
const bestCheckpoint = (run: string): Buffer => readFileSync(join(run, "checkpoints", "best.safetensors"));

describe("launched ranks", () => {
  const shared = sharedTemporaryFolder();
  const whole = join(shared, "whole");
  let undisturbed: Ended;
  beforeAll(async () => {
    undisturbed = await launch(whole).ended;
  }, 1_200_000);

  function expectSameAsUndisturbed(run: string): void {
    expect(lastCheckpoint(run).equals(lastCheckpoint(whole))).toBe(true);
    expect(bestCheckpoint(run).equals(bestCheckpoint(whole))).toBe(true);
  }

  test("train one run, which only rank 0 writes and reports", () => {
    expect([undisturbed.status, undisturbed.stderr]).toEqual([0, expect.stringContaining("Finished after step 20")]);
    expect(undisturbed.stderr).not.toContain("[rank 1]");
    const { reproducibility } = JSON.parse(readFileSync(join(whole, "checkpoints", "last.json"), "utf8"));
    expect(reproducibility).toMatchObject({ ranks: 2, threads: 1 });
  });

  test.each([0, 1])("restart after rank %i was killed, and end with the same result", async (killed) => {
    const run = join(temporaryFolder(), "run");
    const launched = launch(run, "--max-restarts", "1");
    await reached(run, 7);
    process.kill(rankOf(launched, killed), "SIGKILL");
    const { status, stderr } = await launched.ended;
    expect(stderr).toContain(`launch: rank ${killed} was killed by SIGKILL`);
    expect(stderr).toContain("Restarting all from the last checkpoint (restart 1 of 1).");
    expect(stderr).toMatch(/Resuming after step \d+/);
    expect(status).toBe(0);
    expectSameAsUndisturbed(run);
  });

  test.each([0, 1])("stop within 30 s after rank %i was suspended, and name it", async (stopped) => {
    const run = join(temporaryFolder(), "run");
    const launched = launch(run);
    await reached(run, 5);
    const at = Date.now();
    process.kill(rankOf(launched, stopped), "SIGSTOP");
    const { status, stderr, at: ended } = await launched.ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`advprop: rank ${stopped} \\(process \\d+ on [^)]*\\).* (sign of life|answered)`),
    );
    expect(stderr).toContain(`launch: rank ${stopped} no longer responded and was killed`);
    expect(ended - at).toBeLessThan(LIMIT);
  });

  test("save when the launcher is told to stop, and can be resumed", async () => {
    const run = join(temporaryFolder(), "run");
    const launched = launch(run);
    await reached(run, 5);
    launched.process.kill("SIGTERM");
    const { status, stderr } = await launched.ended;
    expect([status, stderr]).toEqual([1, expect.stringMatching(/Stopped after step \d+; saved/)]);
    const resumed = startProgram(MAIN, ["launch", "--processes", "2", "--", "train", "--run", run, "--resume"]);
    expect((await resumed.ended).status).toBe(0);
    expectSameAsUndisturbed(run);
  });

  test("stop after their launcher was killed", async () => {
    const run = join(temporaryFolder(), "run");
    const launched = launch(run);
    await reached(run, 5);
    const ranks = [rankOf(launched, 0), rankOf(launched, 1)];
    launched.process.kill("SIGKILL");
    const alive = (pid: number) =>
      existsSync(`/proc/${pid}/environ`) && readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] !== "Z";
    const end = Date.now() + LIMIT;
    while (ranks.some(alive) && Date.now() < end) await sleep(100);
    expect(ranks.some(alive)).toBe(false);
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8")).status).toBe("stopped");
  });

  test("are not restarted after a wrong call", async () => {
    const run = join(temporaryFolder(), "run");
    const wrong = ["--", "train", "--data", "/nowhere", "--run", run];
    const { status, stderr } = await startProgram(MAIN, ["launch", "--processes", "2", "--max-restarts", "3", ...wrong])
      .ended;
    expect(status).toBe(2);
    expect(stderr).toContain("advprop: train: the data must be a folder; /nowhere cannot be read");
    expect(stderr).not.toContain("Restarting all");
  });
});

describe("ranks with torchrun's variables", () => {
  test("name the rank that does not join", async () => {
    const [first, , third] = await startRanks(3, MAIN, [...TRAIN, "--run", join(temporaryFolder(), "run")], {}, [0, 2]);
    for (const rank of [first, third]) {
      const { status, stderr } = await rank.ended;
      expect([status, stderr]).toEqual([1, expect.stringContaining("of 3 ranks these have not come within 25 s: 1")]);
    }
  });

  test("repeat the message of the failed rank", async () => {
    const run = join(temporaryFolder(), "run");
    const ranks = await startRanks(2, MAIN, [...TRAIN, "--lr", "1e30", "--run", run]);
    for (const { status, stderr } of await Promise.all(ranks.map((rank) => rank.ended))) {
      expect([status, stderr]).toEqual([1, expect.stringContaining("must be finite")]);
    }
  });
});
