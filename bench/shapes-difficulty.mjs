/**
 * How hard the built-in set is and how far texture misleads: trains on 4,000 images of 32 pixels for 8 epochs with texture
 * correlations 0 and 0.9 (ResNet-20, batch 64, seed 0, one thread) and prints the accuracy on 1,000 validation images of each
 * kind.
 *
 *     npm run build && node bench/shapes-difficulty.mjs [flags of `advprop train` ...]
 *
 * Takes 3 to 10 minutes.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { corruptedDataset } from "../dist/corruptions/sets/corrupted-dataset.js";
import { shapesDataset } from "../dist/data/shapes/shapes.js";
import { evaluateAccuracy } from "../dist/evaluation/accuracy.js";
import { createClassifier } from "../dist/models/registry.js";
import { loadState } from "../dist/models/weights.js";
import { classifierPredictor } from "../dist/predictors/classifier-predictor.js";
import { RunDirectory } from "../dist/runs/run-directory.js";
import { setThreads } from "../dist/tensor/index.js";
import { readCheckpoint } from "../dist/training/checkpoint.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const RECIPE = "--data shapes --model resnet20 --method vanilla --epochs 8 --batch-size 64 --seed 0 --threads 1";
const SETTINGS = ["data.shapes.images=4000", "data.shapes.seed=0", "data.augmentation.crop=2"];
const CORRUPTIONS = ["gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate", "jpeg_compression"];

function train(textureCorrelation, run) {
  const settings = [...SETTINGS, `data.shapes.textureCorrelation=${textureCorrelation}`];
  const flags = [...RECIPE.split(" "), ...settings.flatMap((setting) => ["--set", setting]), ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, [MAIN, "train", ...flags, "--run", run], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

function predictorOf(run) {
  const { weights } = RunDirectory.open(run).checkpoint("last");
  const { specification, tensors } = readCheckpoint(weights);
  const model = createClassifier(specification.name, specification).initialize(0);
  loadState(model.network.state(), tensors, weights);
  return classifierPredictor(model);
}

setThreads(1);
const folder = mkdtempSync(join(tmpdir(), "advprop-shapes-"));
const validation = (more) => shapesDataset({ split: "validation", count: 1000, size: 32, seed: 0, ...more });
for (const textureCorrelation of [0, 0.9]) {
  const run = join(folder, String(textureCorrelation));
  train(textureCorrelation, run);
  const predictor = predictorOf(run);
  const clean = validation({});
  const sets = [
    ["texture as in training", validation({ textureCorrelation })],
    ["clean", clean],
    ["stylised", validation({ variant: "stylised" })],
    ...CORRUPTIONS.map((name) => [`${name}, severity 3`, corruptedDataset(clean, name, { severity: 3, seed: 0 })]),
  ];
  console.log(`texture correlation ${textureCorrelation}`);
  for (const [name, dataset] of sets) {
    const { accuracy } = await evaluateAccuracy(predictor, dataset, 200);
    console.log(`  ${name.padEnd(30)} ${(100 * accuracy).toFixed(1)} %`);
  }
}
rmSync(folder, { recursive: true });
