/** The reported speed and remaining time of a run, with a simulated clock. */
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import type { Loader } from "../../src/data/loading/batch.js";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import type { MetricsRecord } from "../../src/runs/schema.js";
import type { StepEvent } from "../../src/training/events.js";
import { type FitOptions, fit } from "../../src/training/fit.js";
import { runRecorder } from "../../src/training/run-recorder.js";
import { temporaryFolder } from "../support/folders.js";
import { smallRun } from "../support/training.js";

afterEach(() => vi.restoreAllMocks());

/** How long the parts of a run take, in seconds. */
interface Durations {
  readonly loader: (step: number) => number;
  readonly step: (step: number) => number;
  readonly validation: number;
  readonly checkpoint: number;
}

/** Runs `fit` with a clock that only the parts of the run advance. Returns the events of the steps and their times in seconds. */
async function timed(
  { loader: wait, step: work, validation, checkpoint }: Durations,
  options: Partial<FitOptions> = {},
): Promise<{ steps: (StepEvent & { at: number })[]; end: number; metrics: MetricsRecord[] }> {
  let now = 0;
  let done = 0;
  vi.spyOn(performance, "now").mockImplementation(() => 1000 * now);
  const steps: (StepEvent & { at: number })[] = [];
  const run = smallRun(join(temporaryFolder(), "run"));
  const record = runRecorder(run.run, {
    ...run,
    reproducibility: { processor: "test", threads: 1, torch: "test" },
    logEverySteps: 3,
  });
  const slow: Loader = {
    ...run.loader,
    async *epoch(epoch, firstStep) {
      for await (const batch of run.loader.epoch(epoch, firstStep)) {
        now += wait(done);
        yield batch;
      }
    },
  };
  await fit({
    ...run,
    loader: slow,
    step: (batch) => {
      now += work(done++);
      return run.step(batch);
    },
    validate: async () => {
      now += validation;
      return { accuracy: done / 1000, loss: 1, count: 10 };
    },
    onEvent: (event) => {
      if (event.type === "step") steps.push({ ...event, at: now });
      if (event.type === "checkpoint") now += checkpoint;
      if (event.type !== "checkpoint") record(event);
    },
    ...options,
  });
  return { steps, end: now, metrics: readJsonLines(run.run.metrics.path) };
}

test("the speed and the waiting share of a record are those of the time since the last one", async () => {
  const { metrics } = await timed({
    loader: (step) => (step < 3 ? 1 : 0),
    step: (step) => (step === 0 ? 6 : 1),
    validation: 100,
    checkpoint: 50,
  });
  const steps = metrics.filter(({ type }) => type === "step");
  // 4 steps of 8 images per epoch and a record every 3 steps. The pauses between epochs do not count.
  expect(steps.map(({ step }) => step)).toEqual([3, 6, 9, 12]);
  expect(steps[0]).toMatchObject({ imagesPerSecond: 24 / 11, waitingShare: 3 / 11 });
  for (const record of steps.slice(1)) expect(record).toMatchObject({ imagesPerSecond: 8, waitingShare: 0 });
  const [first, second] = metrics.filter(({ type }) => type === "epoch");
  expect(first).toMatchObject({ seconds: 12, imagesPerSecond: 32 / 12, waitingShare: 3 / 12 });
  expect(second).toMatchObject({ seconds: 4, imagesPerSecond: 8, waitingShare: 0 });
});

test.each([
  ["each epoch", 1],
  ["each third epoch", 3],
])(
  "the remaining time is right within 20 %% once each part was measured, with a validation %s",
  async (_, evaluateEveryEpochs) => {
    const { steps, end } = await timed(
      {
        loader: (step) => (step === 0 ? 20 : 0.1),
        step: (step) => (step === 0 ? 30 : 1 + 0.5 * Math.sin(7 * step)),
        validation: 5,
        checkpoint: 2,
      },
      { epochs: 12, evaluateEveryEpochs, checkpointEverySteps: 3 },
    );
    const firstValidation = 4 * evaluateEveryEpochs;
    const judged = steps.filter(({ step }) => step > firstValidation);
    expect(judged.length).toBeGreaterThan(30);
    for (const { step, at, secondsLeft } of judged) {
      expect(Math.abs(secondsLeft - (end - at)) / (end - at), `step ${step}`).toBeLessThan(0.2);
    }
  },
);

test("the time left is never more than the time budget", async () => {
  const { steps } = await timed(
    { loader: () => 0, step: () => 60, validation: 0, checkpoint: 0 },
    { epochs: 12, timeBudgetHours: 0.1 },
  );
  expect(steps.map(({ secondsLeft }) => secondsLeft)).toEqual([300, 240, 180, 120, 60, 0]);
});
