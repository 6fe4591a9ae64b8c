/**
 * How hard the built-in set is and how far texture misleads: trains ResNet-20 on 32-pixel images (batch 64, one thread, seed
 * 0) and prints its accuracy on 1,000 validation images of each kind.
 *
 *     npm run build && node bench/shapes-difficulty.mjs [method=vanilla] [correlation=0] [images=4000] [epochs=8]
 *
 * Minutes: about 2 for the defaults on one core of 2020. AdvProp attacks with one step of 4/255 (2.7 times the work).
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { corruptedDataset } from "../dist/corruptions/corrupted-dataset.js";
import { shapesDataset } from "../dist/data/shapes.js";
import { evaluateAccuracy } from "../dist/evaluation/accuracy.js";
import { classifierPredictor } from "../dist/predictors/classifier-predictor.js";
import { buildTraining } from "../dist/recipes/build.js";
import { parseRecipe, resolveRecipe } from "../dist/recipes/resolve.js";
import { RunDirectory } from "../dist/runs/run-directory.js";
import { engineInfo, setThreads } from "../dist/tensor/index.js";
import { fit } from "../dist/training/fit.js";

const [method = "vanilla", correlation = "0", images = "4000", epochs = "8"] = process.argv.slice(2);
const textureCorrelation = Number(correlation);
const attack = method === "vanilla" ? "" : "attack: { name: pgd, epsilon: 4/255, stepSize: 4/255, steps: 1 }";
const recipe = resolveRecipe(
  parseRecipe(
    `model: resnet20
method: ${method}
data: { path: shapes, augmentation: { crop: 2, flip: true } }
training: { epochs: ${epochs}, batchSize: 64 }
${attack}`,
    "shapes-difficulty",
  ),
);
setThreads(1);
const options = { size: 32, seed: 0 };
const train = shapesDataset({ ...options, split: "train", count: Number(images), textureCorrelation });
const { snapshot: _, ...training } = buildTraining(recipe, { train, validation: undefined });
const folder = mkdtempSync(join(tmpdir(), "advprop-shapes-"));
const run = RunDirectory.create(join(folder, "run"));
const reproducibility = { processor: "", threads: 1, torch: engineInfo().torch };
await fit({ ...recipe.training, ...training, seed: 0, run, reproducibility });
rmSync(folder, { recursive: true });

const predictor = classifierPredictor(training.model);
const accuracy = (dataset) => evaluateAccuracy(predictor, dataset, 200).accuracy;
const validation = (more) => shapesDataset({ ...options, split: "validation", count: 1000, ...more });
const clean = validation({});
const corruptions = ["gaussian_noise", "defocus_blur", "fog", "contrast", "pixelate", "jpeg_compression"];
const rows = [
  ["texture as in training", accuracy(validation({ textureCorrelation }))],
  ["clean", accuracy(clean)],
  ["stylised", accuracy(validation({ variant: "stylised" }))],
  ...corruptions.map((name) => [
    `${name}, severity 3`,
    accuracy(corruptedDataset(clean, name, { severity: 3, seed: 0 })),
  ]),
];
console.log(`${method}, texture correlation ${correlation}, ${images} images, ${epochs} epochs`);
for (const [name, share] of rows) console.log(`  ${name.padEnd(30)} ${(100 * share).toFixed(1)} %`);
