/** Options of the training loop: accumulation, weight average, early stopping, time budget. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { PixelBatch } from "../../src/data/loading/batch.js";
import { trainingLoader } from "../../src/data/loading/loader.js";
import { createClassifier } from "../../src/models/registry.js";
import { fromSafetensor } from "../../src/models/weights.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import type { WeightAverage } from "../../src/optim/weight-average.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import type { SafetensorsTensor } from "../../src/runs/safetensors.js";
import type { MetricsRecord } from "../../src/runs/schema.js";
import { GradientStore, scope, setThreads } from "../../src/tensor/index.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { type FitOptions, fit } from "../../src/training/fit.js";
import { vanillaStep } from "../../src/training/methods/vanilla.js";
import { update } from "../../src/training/update.js";
import { makeDataset } from "../support/datasets.js";
import { codedRejection } from "../support/errors.js";
import { temporaryFolder } from "../support/folders.js";
import { relativeL2 } from "../support/golden.js";
import { fingerprint, networkFingerprint, smallRun } from "../support/training.js";

beforeAll(() => setThreads(1));

const newFolder = (): string => join(temporaryFolder(), "run");
const dataset = makeDataset({ length: 35, classes: 3, height: 8, width: 8 });
const loaderOf = (batchSize: number) =>
  trainingLoader(dataset, { batchSize, seed: 5, augmentation: { crop: 1, flip: true } });

/** Stops a run when its step number `step` is done. */
async function stopAfter(options: FitOptions, step: number): Promise<void> {
  const controller = new AbortController();
  const { schedule } = options;
  const result = await fit({
    ...options,
    signal: controller.signal,
    // It is called once before each update.
    schedule: (t) => {
      if (t === step - 1) controller.abort();
      return schedule(t);
    },
  });
  expect(result).toMatchObject({ status: "stopped", reason: "signal", state: { step } });
}

describe("gradient accumulation", () => {
  test("updates by the mean gradient of its mini-batches, each with its own batch norm statistics", async () => {
    const batches: PixelBatch[] = [];
    for await (const batch of loaderOf(4).epoch(0, 0)) batches.push(batch);
    /** The gradient that the optimiser gets, and the number of updates of the batch norm statistics. */
    const gradientOf = (given: PixelBatch[]) => {
      const model = createClassifier("resnet20", { classes: dataset.classes, imageSize: 8 }).initialize(1);
      const gradients = new GradientStore(model.parameters.map(({ value }) => value));
      let seen: number[] = [];
      const optimizer: Optimizer = {
        step: (means) => {
          seen = means.flatMap((one) => one?.toNumbers() ?? []);
        },
        state: () => new Map(),
      };
      const step = (batch: Parameters<typeof vanillaStep>[1]) =>
        vanillaStep({ model, gradients, labelSmoothing: 0 }, batch);
      const result = update({ step, gradients, optimizer }, given, { seed: 5, epoch: 0, step: 0, rate: 1, saved: 0 });
      const tracked = model.network.state().get("bn1.num_batches_tracked")?.item();
      return { ...result, gradient: seen, tracked };
    };
    const parts = batches.slice(0, 3).map((batch) => gradientOf([batch]));
    const whole = gradientOf(batches.slice(0, 3));
    const mean = parts[0].gradient.map((_, i) => parts.reduce((total, { gradient }) => total + gradient[i] / 3, 0));
    expect(relativeL2(whole.gradient, mean)).toBeLessThan(1e-5);
    expect(whole.gradientNorm).toBeCloseTo(Math.sqrt(mean.reduce((total, value) => total + value ** 2, 0)), 3);
    expect(whole.metrics.cleanLoss).toBeCloseTo(
      parts.reduce((total, { metrics }) => total + (metrics.cleanLoss ?? 0) / 3, 0),
      6,
    );
    expect([parts[0].tracked, whole.tracked]).toEqual([1, 3]);
  });

  test("an epoch has as many updates as its mini-batches fill", async () => {
    const options = { ...smallRun(newFolder()), loader: loaderOf(4), accumulationSteps: 3 };
    const { state } = await fit(options);
    // 8 mini-batches make 2 updates in each of 3 epochs.
    expect(state.step).toBe(6);
    const epochs = readJsonLines<MetricsRecord>(options.run.metrics.path).filter(({ type }) => type === "epoch");
    expect(epochs.map(({ step }) => step)).toEqual([2, 4, 6]);
  });

  test("stopped in the middle of an epoch and resumed gives the same weights, bit for bit", async () => {
    const accumulated = { loader: loaderOf(4), accumulationSteps: 2 };
    const straight = smallRun(newFolder(), accumulated);
    await fit(straight);
    const folder = newFolder();
    await stopAfter(smallRun(folder, accumulated), 6);
    const resumed = smallRun(folder, { ...accumulated, resume: true });
    await fit(resumed);
    expect(fingerprint(resumed.model)).toBe(fingerprint(straight.model));
  });

  test("is refused if an epoch has no update", async () => {
    const error = await codedRejection(fit({ ...smallRun(newFolder()), accumulationSteps: 5 }));
    expect(error.code).toBe("ERR_BATCH_SIZE");
    expect(error.message).toContain("5 mini-batches of 8 images make an update, but an epoch has only 4");
  });
});

describe("the weight average", () => {
  const averaging = { averageDecay: 0.9 };
  const twin = ({ average }: FitOptions) => (average as WeightAverage).twin;

  test("is saved under the network's names, and continues after a resume bit for bit", async () => {
    const straight = smallRun(newFolder(), averaging);
    await fit(straight);
    expect(networkFingerprint(twin(straight))).not.toBe(fingerprint(straight.model));
    const file = readCheckpoint(straight.run.checkpoint("last").weights);
    const numbers = (tensors: typeof file.tensors, name: string) =>
      fromSafetensor(tensors.get(name) as SafetensorsTensor).toNumbers();
    scope(() => {
      for (const [name, tensor] of twin(straight).state()) {
        expect(numbers(file.tensors, name), name).toEqual(tensor.toNumbers());
      }
      for (const [name, tensor] of straight.model.network.state()) {
        expect(numbers(file.live, name), name).toEqual(tensor.toNumbers());
      }
    });

    const folder = newFolder();
    await stopAfter(smallRun(folder, averaging), 6);
    const resumed = smallRun(folder, { ...averaging, resume: true });
    await fit(resumed);
    expect(fingerprint(resumed.model)).toBe(fingerprint(straight.model));
    expect(networkFingerprint(twin(resumed))).toBe(networkFingerprint(twin(straight)));
  });

  test("does not change the training", async () => {
    const [plain, averaged] = [smallRun(newFolder()), smallRun(newFolder(), averaging)];
    await fit(plain);
    await fit(averaged);
    expect(fingerprint(averaged.model)).toBe(fingerprint(plain.model));
  });
});

describe("early stopping", () => {
  const validate = (accuracies: number[]) => async () => ({
    accuracy: accuracies.shift() as number,
    loss: 1,
    count: 10,
  });

  test("ends the run after this many epochs without an improvement, and a resume changes nothing", async () => {
    const folder = newFolder();
    const options = { epochs: 8, earlyStoppingEpochs: 2, validate: validate([0.3, 0.5, 0.5, 0.4]) };
    const result = await fit(smallRun(folder, options));
    expect(result).toMatchObject({ status: "finished", reason: "early stopping" });
    expect(result.state).toMatchObject({ epoch: 4, step: 16, best: { accuracy: 0.5, step: 8, epoch: 1 } });
    const again = await fit(smallRun(folder, { ...options, resume: true }));
    expect(again.state.step).toBe(16);
    expect(again.reason).toBe("early stopping");
  });

  test("does not end a run that improves in time", async () => {
    const options = { epochs: 5, earlyStoppingEpochs: 2, validate: validate([0.3, 0.2, 0.4, 0.1, 0.5]) };
    const result = await fit(smallRun(newFolder(), options));
    expect(result).toMatchObject({ status: "finished", reason: "last epoch", state: { epoch: 5 } });
  });
});

describe("the time budget", () => {
  test("saves and stops after the step in which it is used up, and a resume has a new budget", async () => {
    const straight = smallRun(newFolder());
    await fit(straight);
    const folder = newFolder();
    const first = await fit(smallRun(folder, { timeBudgetHours: 1e-9 }));
    expect(first).toMatchObject({ status: "stopped", reason: "time budget", state: { step: 1 } });
    const second = await fit(smallRun(folder, { timeBudgetHours: 1e-9, resume: true }));
    expect(second.state.step).toBe(2);
    const last = smallRun(folder, { timeBudgetHours: 1, resume: true });
    expect(await fit(last)).toMatchObject({ status: "finished", reason: "last epoch" });
    expect(fingerprint(last.model)).toBe(fingerprint(straight.model));
  });
});
