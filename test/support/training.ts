/** A small training run for tests: a real network on noise images. */
import { createHash } from "node:crypto";
import { pgd } from "../../src/attacks/pgd.js";
import { linf } from "../../src/attacks/threat-model.js";
import { trainingLoader } from "../../src/data/loading/loader.js";
import { type Classifier, NORMALIZATIONS } from "../../src/models/classifier.js";
import { createClassifier } from "../../src/models/registry.js";
import type { Module } from "../../src/nn/module.js";
import { cosine } from "../../src/optim/schedule.js";
import { Sgd } from "../../src/optim/sgd.js";
import { WeightAverage } from "../../src/optim/weight-average.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { GradientStore } from "../../src/tensor/index.js";
import { readCheckpoint, restore } from "../../src/training/checkpoint.js";
import type { FitOptions } from "../../src/training/fit.js";
import { advPropStep } from "../../src/training/methods/advprop.js";
import { runRecorder } from "../../src/training/run-recorder.js";
import { makeDataset } from "./datasets.js";

const SEED = 5;
const EPOCHS = 3;

/** What `fit` needs, and what is recorded. */
export interface SmallRun extends FitOptions {
  readonly run: RunDirectory;
  readonly model: Classifier;
}

/** What `fit` needs, for 3 epochs of 4 steps, recorded in a folder; with `resume` it goes on from the run's last checkpoint. */
export function smallRun(
  path: string,
  options: { resume?: boolean; averageDecay?: number } & Omit<Partial<FitOptions>, "resume"> = {},
): SmallRun {
  const { resume = false, averageDecay, onEvent, ...overrides } = options;
  const dataset = makeDataset({ length: 35, classes: 3, height: 8, width: 8 });
  const make = () =>
    createClassifier("resnet20", {
      classes: dataset.classes,
      routes: ["aux"],
      imageSize: 8,
      normalization: NORMALIZATIONS.half,
    }).initialize(SEED);
  const model = make();
  const average =
    averageDecay === undefined ? undefined : new WeightAverage(model.network, make().network, averageDecay);
  const named = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(model.parameters.map(({ value }) => value));
  const optimizer = new Sgd(named, { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decays: () => true });
  const loader = trainingLoader(dataset, { batchSize: 8, seed: SEED, augmentation: { crop: 1, flip: true } });
  const attack = pgd({ threatModel: linf(4 / 255), stepSize: 2 / 255, steps: 2, target: "random", randomStart: true });
  const run = resume ? RunDirectory.resume(path) : RunDirectory.create(path);
  let state: FitOptions["resume"];
  if (resume) {
    const file = readCheckpoint(run.checkpoint("last").weights);
    restore(file, "last", { model, optimizer, average });
    state = file.state;
    run.metrics.truncateAfter(state.step);
    run.batchNormDrift.truncateAfter(state.step);
  } else {
    // Enough of a run.json for RunDirectory.resume.
    run.writeInfo({ schema: 1 } as never);
  }
  const record = runRecorder(run, {
    model,
    optimizer,
    average,
    reproducibility: { processor: "test", threads: 1, torch: "test" },
    logEverySteps: 1,
  });
  return {
    model,
    step: (batch) => advPropStep({ model, attack, gradients, labelSmoothing: 0.1 }, batch),
    gradients,
    optimizer,
    average,
    schedule: cosine({ peak: 0.05, totalSteps: EPOCHS * loader.stepsPerEpoch, warmupSteps: 1 }),
    loader,
    epochs: EPOCHS,
    seed: SEED,
    run,
    onEvent: async (event) => {
      record(event);
      await onEvent?.(event);
    },
    resume: state,
    ...overrides,
  };
}

/** A hash over every tensor of a model, bit for bit. */
export const fingerprint = ({ network }: Classifier): string => networkFingerprint(network);

/** A hash over every tensor of a network, bit for bit. */
export function networkFingerprint(network: Module): string {
  const hash = createHash("sha256");
  for (const [name, tensor] of network.state()) {
    const values = tensor.toArray();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}
