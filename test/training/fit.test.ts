import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readJsonLines } from "../../src/runs/metrics-log.js";
import type { BatchNormDriftRecord, MetricsRecord } from "../../src/runs/schema.js";
import { memoryStats, scope, setThreads } from "../../src/tensor/index.js";
import { mul_ } from "../../src/tensor/operators.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { fit } from "../../src/training/fit.js";
import { codedRejection } from "../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { fingerprint, smallRun } from "../support/training.js";

const TOTAL_STEPS = 12;
beforeAll(() => setThreads(1));

/** Everything in a metrics record that does not depend on the clock. */
function withoutClock({
  imagesPerSecond,
  seconds,
  waitingShare,
  ...record
}: MetricsRecord & { imagesPerSecond?: number; seconds?: number; waitingShare?: number }) {
  return record;
}

/** Runs `fit` and aborts it in the middle of the given step. */
async function stopAt(path: string, step: number, resume: boolean): Promise<void> {
  const controller = new AbortController();
  const options = smallRun(path, { resume, signal: controller.signal });
  let done = options.resume?.step ?? 0;
  const inner = options.step;
  const result = await fit({
    ...options,
    step: (batch) => {
      done += 1;
      if (done === step) controller.abort();
      return inner(batch);
    },
  });
  expect(result.state.step).toBe(step);
  expect(result.status).toBe(step === TOTAL_STEPS ? "finished" : "stopped");
}

describe("fit", () => {
  const shared = sharedTemporaryFolder();
  let reference: string;
  let metrics: unknown[];
  let drift: unknown[];
  beforeAll(async () => {
    const folder = join(shared, "whole");
    const options = smallRun(folder);
    const result = await fit(options);
    expect(result.status).toBe("finished");
    reference = fingerprint(options.model);
    metrics = readJsonLines<MetricsRecord>(options.run.metrics.path).map(withoutClock);
    drift = readJsonLines<BatchNormDriftRecord>(options.run.batchNormDrift.path);
  });

  test("logs each step and epoch with both losses", () => {
    const steps = metrics.filter((record) => (record as MetricsRecord).type === "step");
    const epochs = metrics.filter((record) => (record as MetricsRecord).type === "epoch");
    expect(steps).toHaveLength(TOTAL_STEPS);
    expect(epochs).toHaveLength(3);
    for (const record of [...steps, ...epochs]) {
      expect(record).toMatchObject({ cleanLoss: expect.any(Number), adversarialLoss: expect.any(Number) });
    }
    expect(drift).toHaveLength(3);
  });

  test.each([1, 3, 4, 7, 11])(
    "stopped at step %i and resumed gives the same weights and logs, bit for bit",
    async (step) => {
      const path = join(temporaryFolder(), "run");
      await stopAt(path, step, false);
      const options = smallRun(path, { resume: true });
      expect(options.resume?.step).toBe(step);
      await fit(options);
      expect(fingerprint(options.model)).toBe(reference);
      expect(readJsonLines<MetricsRecord>(options.run.metrics.path).map(withoutClock)).toEqual(metrics);
      expect(readJsonLines(options.run.batchNormDrift.path)).toEqual(drift);
    },
  );

  test("stopped three times gives the same weights too", async () => {
    const path = join(temporaryFolder(), "run");
    await stopAt(path, 2, false);
    await stopAt(path, 5, true);
    await stopAt(path, 9, true);
    const options = smallRun(path, { resume: true });
    await fit(options);
    expect(fingerprint(options.model)).toBe(reference);
  });

  test("another seed gives other weights", async () => {
    const options = smallRun(join(temporaryFolder(), "run"), { seed: 6 });
    await fit(options);
    expect(fingerprint(options.model)).not.toBe(reference);
  });

  test("keeps checkpoints at the given interval, and the best on validation", async () => {
    const accuracies = [0.3, 0.6, 0.5];
    const validate = async () => ({ accuracy: accuracies.shift() as number, loss: 1, count: 10 });
    const options = smallRun(join(temporaryFolder(), "run"), { keepEverySteps: 5, validate });
    const { state } = await fit(options);
    expect(state.best).toEqual({ accuracy: 0.6, step: 8, epoch: 1 });
    expect(readCheckpoint(options.run.checkpoint("best").weights).state.step).toBe(8);
    expect(existsSync(options.run.checkpoint(5).weights)).toBe(true);
    expect(existsSync(options.run.checkpoint(10).weights)).toBe(true);
    expect(existsSync(options.run.checkpoint(8).weights)).toBe(false);
  });

  test("without a validation split there is no best", async () => {
    const options = smallRun(join(temporaryFolder(), "run"), { epochs: 1 });
    await fit(options);
    expect(existsSync(options.run.checkpoint("best").weights)).toBe(false);
  });

  test("a loss that is not finite stops the run, names the step and the checkpoint, and leaves the weights", async () => {
    const options = smallRun(join(temporaryFolder(), "run"), { checkpointEverySteps: 2 });
    const inner = options.step;
    let steps = 0;
    let before = "";
    const error = await codedRejection(
      fit({
        ...options,
        step: (batch) => {
          if (++steps < 4) return inner(batch);
          const result = scope(() => inner({ ...batch, images: mul_(batch.images, Number.NaN) }));
          before = parameterFingerprint(options);
          return result;
        },
      }),
    );
    expect(error.code).toBe("ERR_NON_FINITE");
    expect(error.message).toContain("step 3");
    expect(error.message).toContain("checkpoint is of step 2");
    expect(error.message).toContain("learning rate");
    expect(parameterFingerprint(options)).toBe(before);
  });

  test("running statistics that are not finite are never saved, even if the loss is finite", async () => {
    const options = smallRun(join(temporaryFolder(), "run"), { checkpointEverySteps: 2 });
    const name = "layer2.0.bn1.aux_bn.0.running_var";
    const statistics = new Map(options.model.network.state());
    const inner = options.step;
    let steps = 0;
    const error = await codedRejection(
      fit({
        ...options,
        statistics,
        step: (batch) => {
          if (++steps === 4) void mul_(statistics.get(name)!, Number.POSITIVE_INFINITY);
          return inner(batch);
        },
      }),
    );
    expect(error.code).toBe("ERR_NON_FINITE");
    expect(error.message).toContain(`the norm of ${name} must be finite`);
    expect(error.message).toContain("at step 3");
    const kept = readCheckpoint(options.run.checkpoint("last").weights);
    expect(kept.state.step).toBe(2);
  });

  test("clipping bounds the update", async () => {
    const path = temporaryFolder();
    const free = smallRun(join(path, "free"), { epochs: 1 });
    const clipped = smallRun(join(path, "clipped"), { epochs: 1, clipGradientNorm: 1e-3 });
    await fit(free);
    await fit(clipped);
    expect(fingerprint(clipped.model)).not.toBe(fingerprint(free.model));
    const norms = readJsonLines<MetricsRecord>(clipped.run.metrics.path).flatMap((record) =>
      record.type === "step" ? [record.gradientNorm as number] : [],
    );
    // The logged norm is the norm before clipping.
    for (const norm of norms) expect(norm).toBeGreaterThan(1e-3);
  });

  test("live tensors and bytes stay flat over 200 steps", async () => {
    const seen: { tensors: number; bytes: number }[] = [];
    const options = smallRun(join(temporaryFolder(), "run"), {
      epochs: 50,
      onEvent: ({ type }) => {
        if (type !== "step") return;
        const { liveTensors, liveBytes } = memoryStats();
        seen.push({ tensors: liveTensors, bytes: liveBytes });
      },
    });
    await fit(options);
    expect(seen.length).toBe(200);
    expect(new Set(seen.slice(2).map(({ tensors }) => tensors)).size).toBe(1);
    expect(new Set(seen.slice(2).map(({ bytes }) => bytes)).size).toBe(1);
  });
});

/** A hash of only the parameters: a failed step has changed the running statistics, but the checkpoint has those from before it. */
function parameterFingerprint({ model }: { model: Parameters<typeof fingerprint>[0] }): string {
  return model.parameters.map(({ data }) => data.toNumbers().join()).join(";");
}
