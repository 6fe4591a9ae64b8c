/** `train` called from a program: its files, its events, its memory, and how it stops. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { evaluate } from "../../src/api/evaluation/evaluate.js";
import type { TrainEvent } from "../../src/api/events.js";
import { openClassifier } from "../../src/api/photo-classifier.js";
import { train } from "../../src/api/training/train.js";
import { SHAPES_CLASSES } from "../../src/data/shapes/shapes.js";
import { fromSafetensor } from "../../src/models/weights.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import type { MetricsRecord, SnapshotFile } from "../../src/runs/schema.js";
import { engineInfo, memoryStats, scope } from "../../src/tensor/index.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";

/** Two updates per epoch. */
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

  test("reports its events in order", () => {
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

  test("returns how it ended, and records the same in its folder", () => {
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

  test("measures every route on the validation images; the main route gives the same as alone", () => {
    const records = readJsonLines<MetricsRecord>(RunDirectory.open(folder).metrics.path);
    const validations = records.flatMap((record) => (record.type === "validation" ? [record] : []));
    expect(validations).toHaveLength(2);
    for (const { accuracy, loss, routes } of validations) {
      expect(Object.keys(routes!)).toEqual(["main", "aux"]);
      expect(routes!.main).toEqual({ accuracy, loss });
      expect(routes!.aux.loss).toBeGreaterThan(0);
      expect(routes!.aux.loss).not.toBe(loss);
    }
    for (const record of records) {
      if (record.type !== "validation") expect(record.waitingShare).toBeGreaterThanOrEqual(0);
    }
  });

  test("writes the network's predictions through each route beside each picture", () => {
    const { images } = RunDirectory.open(folder);
    const file = JSON.parse(readFileSync(join(images, "epoch-0002.json"), "utf8")) as SnapshotFile;
    expect(file).toMatchObject({ schema: 1, epoch: 1, route: "aux" });
    expect(file.images).toHaveLength(8);
    for (const { label, clean, adversarial } of file.images) {
      expect(SHAPES_CLASSES).toContain(label);
      for (const predictions of [clean, adversarial]) {
        expect(Object.keys(predictions)).toEqual(["main", "aux"]);
        for (const prediction of Object.values(predictions)) {
          expect(SHAPES_CLASSES).toContain(prediction.class);
          expect(prediction.probability).toBeGreaterThan(1 / SHAPES_CLASSES.length);
          expect(prediction.probability).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  test("explains each of its files in README.txt", () => {
    const { path, readme } = RunDirectory.open(folder);
    const text = readFileSync(readme, "utf8");
    for (const name of readdirSync(path)) expect(text, name).toMatch(new RegExp(`^${name}/? `, "m"));
  });

  test("leaves a usable classifier, and frees all memory", async () => {
    const before = memoryStats().liveBytes;
    await train(RECIPE, { run: join(temporaryFolder(), "again") });
    expect(memoryStats().liveBytes).toBe(before);
    const classifier = await openClassifier(folder);
    const [first] = await classifier.classify({ pixels: new Uint8Array(32 * 32 * 3), height: 32, width: 32 });
    expect(classifier.classes).toContain(first.class);
    await classifier.close();
    expect(memoryStats().liveBytes).toBe(before);
  });

  test("is saved when it is stopped by its signal, and gives the same weights after a resume, bit for bit", async () => {
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

  test("keeps its threads and its memory limit while other calls in the process set theirs", async () => {
    const path = join(temporaryFolder(), "disturbed");
    const threads: number[] = [];
    await train(RECIPE, {
      run: path,
      onEvent: async (event) => {
        if (event.type !== "step") return;
        await evaluate(folder, { limitTest: 4, threads: 3, memoryLimit: "40MB" });
        threads.push(engineInfo().threads);
      },
    });
    expect(threads).toEqual([3, 3, 3, 3]);
    expect(weightsOf(path).equals(weightsOf(folder))).toBe(true);
    expect(engineInfo().threads).toBe(1);
    expect(memoryStats().limitBytes).toBeGreaterThan(40e6);
  });

  test("writes nothing if its signal is aborted already, and throws the signal's reason", async () => {
    const path = join(temporaryFolder(), "never");
    const events: TrainEvent[] = [];
    const options = { signal: AbortSignal.abort(), onEvent: (event: TrainEvent) => void events.push(event) };
    await expect(train(RECIPE, { ...options, run: path })).rejects.toMatchObject({ name: "AbortError" });
    expect([existsSync(path), events]).toEqual([false, []]);
    const before = readFileSync(RunDirectory.open(folder).info, "utf8");
    const reason = new Error("not today");
    const resumed = train(
      { training: { epochs: 3 } },
      { run: folder, resume: true, signal: AbortSignal.abort(reason) },
    );
    await expect(resumed).rejects.toBe(reason);
    expect(readFileSync(RunDirectory.open(folder).info, "utf8")).toBe(before);
  });

  test.each(["started", "step"])(
    "fails if its listener fails at the event %s, and is marked as failed",
    async (type) => {
      const path = join(temporaryFolder(), "failed");
      const onEvent = (event: TrainEvent) => {
        if (event.type === type) throw new Error("the disk of the listener is full");
      };
      await expect(train(RECIPE, { run: path, onEvent })).rejects.toThrow("the disk of the listener is full");
      expect(RunDirectory.open(path).readInfo().status).toBe("failed");
    },
  );
});

test("a weight average is evaluated with its own auxiliary statistics", async () => {
  const run = join(temporaryFolder(), "averaged");
  // The average is so slow that its statistics are still near the initial ones, while those of the network have moved.
  const averaged = { ...RECIPE, training: { ...RECIPE.training, epochs: 4, averageDecay: 0.9999 } };
  await train(averaged, { run });
  const tensors = readCheckpoint(RunDirectory.open(run).checkpoint("last").weights);
  const values = (from: typeof tensors.tensors, name: string) =>
    scope(() => fromSafetensor(from.get(name)!).toNumbers());
  const name = "bn1.aux_bn.0.running_mean";
  expect(values(tensors.tensors, name)).not.toEqual(values(tensors.live, name));
  // Evaluating the checkpoint's average again gives the last validation's result.
  const records = readJsonLines<MetricsRecord>(RunDirectory.open(run).metrics.path);
  const last = records.flatMap((record) => (record.type === "validation" ? [record] : [])).at(-1)!;
  for (const [route, { accuracy, loss }] of Object.entries(last.routes!)) {
    const anew = await evaluate(run, { split: "validation", checkpoint: "last", route, threads: 1 });
    expect(anew.accuracy).toBe(accuracy);
    expect(anew.loss).toBeCloseTo(loss, 6);
  }
});

test("wrong arguments are refused before anything is written", async () => {
  const path = join(temporaryFolder(), "run");
  expect((await codedRejection(train({ ...RECIPE, model: "resnet21" }, { run: path }))).code).toBe("ERR_MODEL");
  expect((await codedRejection(train({ model: "resnet8" }, { run: path }))).code).toBe("ERR_DATA_MISSING");
  expect((await codedRejection(train({}, { resume: true }))).code).toBe("ERR_RESUME");
  const augmentation = { crop: 0, flip: false };
  const sameViews: Recipe = { method: "vanilla-two-views", data: { path: "shapes", augmentation } };
  const error = await codedRejection(train(sameViews, { run: path }));
  expect([error.code, error.message]).toEqual(["ERR_RECIPE", expect.stringContaining("needs random augmentation")]);
  const parts = { train: ["a.png"], validation: [], test: [] };
  const split = { seed: 0, fractions: { validation: 0, test: 0 }, nearDuplicates: [], parts };
  expect((await codedRejection(train(RECIPE, { run: path, split }))).code).toBe("ERR_SPLIT");
  expect((await codedRejection(train({}, { run: path, resume: true, split }))).code).toBe("ERR_RESUME");
  expect(existsSync(path)).toBe(false);
});
