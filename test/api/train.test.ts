/** `train` as a program calls it: what it writes, tells, frees, and how it stops. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { TrainEvent } from "../../src/api/events.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { train } from "../../src/api/train.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import type { MetricsRecord } from "../../src/runs/schema.js";
import { memoryStats } from "../../src/tensor/index.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";

/** Two updates an epoch. */
const RECIPE: Recipe = {
  model: "resnet8",
  method: "advprop",
  threads: 1,
  data: { path: "shapes", shapes: { images: 32, validationImages: 10, testImages: 10 } },
  training: { epochs: 2, batchSize: 16, logEverySteps: 1 },
};

const weightsOf = (run: string) => readFileSync(RunDirectory.open(run).checkpoint("last").weights);

describe("a training", () => {
  const folder = join(sharedTemporaryFolder(), "run");
  const events: TrainEvent[] = [];
  let result: Awaited<ReturnType<typeof train>>;
  beforeAll(async () => {
    result = await train(RECIPE, { run: folder, onEvent: (event) => void events.push(event) });
  });

  test("tells what happens in its order", () => {
    const told = events.filter(({ type }) => type !== "note").map(({ type }) => type);
    const epoch = ["step", "step", "epoch", "picture", "validation"];
    expect(told[0]).toBe("started");
    expect(told.at(-1)).toBe("finished");
    expect(told.filter((type) => type !== "checkpoint")).toEqual(["started", ...epoch, ...epoch, "finished"]);
    expect(events.filter((event) => event.type === "checkpoint" && event.name === "last")).toHaveLength(2);
    for (const event of events) {
      if (event.type === "checkpoint") expect(existsSync(event.weights)).toBe(true);
      if (event.type === "picture") expect(existsSync(event.file)).toBe(true);
    }
  });

  test("gives how it ended, and records the same in its folder", () => {
    expect(result).toMatchObject({ run: folder, status: "finished", reason: "last epoch", step: 4 });
    expect(result.best?.accuracy).toBeGreaterThanOrEqual(0);
    expect(result.data.images).toMatchObject({ train: 32, validation: 10 });
    const steps = events.flatMap((event) => (event.type === "step" ? [event] : []));
    const logged = readJsonLines<MetricsRecord>(RunDirectory.open(folder).metrics.path).filter(
      ({ type }) => type === "step",
    );
    expect(logged).toMatchObject(steps.map(({ step, losses, gradientNorm }) => ({ step, ...losses, gradientNorm })));
    expect(RunDirectory.open(folder).readInfo()).toMatchObject({ status: "finished", command: [] });
  });

  test("leaves a classifier that classifies, and frees everything else", async () => {
    const before = memoryStats().liveBytes;
    await train(RECIPE, { run: join(temporaryFolder(), "again") });
    expect(memoryStats().liveBytes).toBe(before);
    const classifier = await openClassifier(folder);
    const [first] = await classifier.classify({ pixels: new Uint8Array(32 * 32 * 3), height: 32, width: 32 });
    expect(classifier.classes).toContain(first.class);
    await classifier.close();
    expect(memoryStats().liveBytes).toBe(before);
  });

  test("stopped by its signal it is saved, and resumed it gives the same weights, bit for bit", async () => {
    const path = join(temporaryFolder(), "stopped");
    const stop = new AbortController();
    const first = await train(RECIPE, {
      run: path,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "step" && event.step === 3) stop.abort();
      },
    });
    expect(first).toMatchObject({ status: "stopped", reason: "signal", step: 3 });
    const second = await train({}, { run: path, resume: true });
    expect(second).toMatchObject({ status: "finished", step: 4 });
    expect(weightsOf(path).equals(weightsOf(folder))).toBe(true);
  });

  test("a listener that fails ends it, marked as failed", async () => {
    const path = join(temporaryFolder(), "failed");
    const onEvent = (event: TrainEvent) => {
      if (event.type === "step") throw new Error("the disk of the listener is full");
    };
    await expect(train(RECIPE, { run: path, onEvent })).rejects.toThrow("the disk of the listener is full");
    expect(RunDirectory.open(path).readInfo().status).toBe("failed");
  });
});

test("what is wrong is said before anything is written", async () => {
  const path = join(temporaryFolder(), "run");
  expect((await codedRejection(train({ ...RECIPE, model: "resnet21" }, { run: path }))).code).toBe("ERR_MODEL");
  expect((await codedRejection(train({ model: "resnet8" }, { run: path }))).code).toBe("ERR_DATA_MISSING");
  expect((await codedRejection(train({}, { resume: true }))).code).toBe("ERR_RESUME");
  expect(existsSync(path)).toBe(false);
});
