/** Folders of runs as training leaves them, without training. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunDirectory, writeJson } from "../../src/runs/run-directory.js";
import { RUN_SCHEMA, type RunStatus } from "../../src/runs/schema.js";

export interface RunFolderOptions {
  readonly status?: RunStatus;
  readonly method?: string;
  readonly model?: string;
  /** Epochs that are done; 10 steps each. */
  readonly epochs?: number;
  readonly createdAt?: string;
}

export const CLASSES = ["circle", "square", "star"];

/** Writes the files of a run by the program's own writers. */
export function writeRunFolder(path: string, options: RunFolderOptions = {}): RunDirectory {
  const { status = "finished", method = "advprop", model = "resnet20", epochs = 2 } = options;
  const run = RunDirectory.create(path);
  writeFileSync(
    run.recipe,
    `model: ${model}\nmethod: ${method}\nseed: 3\ntraining:\n  batchSize: 8\n  epochs: 5\noptimizer:\n  lr: 0.1\n`,
  );
  writeJson(run.environment, { node: "20.20.2", cores: 2 });
  run.writeInfo({
    schema: RUN_SCHEMA,
    version: "0.1.0",
    command: ["advprop", "train"],
    createdAt: options.createdAt ?? "2026-11-29T10:00:00.000Z",
    resumedAt: [],
    status,
    data: { name: "shapes", classes: CLASSES, trainingImages: 80, validationImages: 20 },
  });
  for (let epoch = 0; epoch < epochs; epoch++) appendEpoch(run, epoch);
  return run;
}

/** Ten steps, their epoch, its validation and its drift. */
export function appendEpoch(run: RunDirectory, epoch: number): void {
  for (let i = 1; i <= 10; i++) {
    const step = 10 * epoch + i;
    const losses = { cleanLoss: 2 / step, adversarialLoss: 3 / step };
    run.metrics.append({
      type: "step",
      step,
      epoch,
      learningRate: 0.1,
      ...losses,
      gradientNorm: 1,
      imagesPerSecond: 100,
      waitingShare: 0.1,
    });
  }
  const step = 10 * (epoch + 1);
  run.metrics.append({ type: "epoch", step, epoch, cleanLoss: 1, seconds: 4, imagesPerSecond: 100 });
  const accuracy = 0.5 + epoch / 100;
  const routes = { main: { accuracy, loss: 1 }, aux: { accuracy: accuracy - 0.1, loss: 1.5 } };
  run.metrics.append({ type: "validation", step, epoch, accuracy, loss: 1, count: 20, routes });
  const layers = ["bn1", "layer1.bn2"].map((name, i) => ({ name, mean: (i + 1) / 10, logVariance: epoch + i }));
  run.batchNormDrift.append({ step, epoch, route: "aux", layers });
}

/** An evaluation on the test images. @returns the name of its file */
export function writeEvaluation(run: RunDirectory, fields: Readonly<Record<string, unknown>> = {}): string {
  const name = `test-main-${(fields.createdAt as string | undefined) ?? "2026"}.json`;
  mkdirSync(run.evaluation, { recursive: true });
  writeJson(join(run.evaluation, name), {
    schema: RUN_SCHEMA,
    createdAt: "2026-11-29T11:00:00.000Z",
    route: "main",
    data: { name: "shapes", split: "test" },
    count: 30,
    accuracy: 0.8,
    loss: 0.6,
    balancedAccuracy: 0.79,
    perClass: CLASSES.map((one) => ({ name: one, count: 10, accuracy: 0.8 })),
    confusion: [
      [8, 2, 0],
      [0, 10, 0],
      [1, 0, 9],
    ],
    ...fields,
  });
  return name;
}

/** Adds bytes to a file as a writer that is in the middle of it. */
export const appendRaw = (path: string, text: string): void => appendFileSync(path, text);
