/** A run and its files record how photos are cropped for evaluation. Earlier files keep the earlier rule, and a note says so. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openEvaluationData } from "../../src/api/evaluation/data.js";
import { protocolOf } from "../../src/api/evaluation/protocol.js";
import { exportModel } from "../../src/api/export/export-model.js";
import { train } from "../../src/api/training/train.js";
import { accuracyOf } from "../../src/evaluation/accuracy.js";
import { classRule } from "../../src/evaluation/classes/class-rule.js";
import { predict } from "../../src/evaluation/predictions.js";
import { importWeights } from "../../src/export/safetensors.js";
import { openPredictor } from "../../src/predictors/open.js";
import type { Recipe } from "../../src/recipes/schema.js";
import { writeFileAtomic } from "../../src/runs/atomic-file.js";
import { RunDirectory } from "../../src/runs/run-directory.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/runs/safetensors.js";
import { readCheckpoint } from "../../src/training/checkpoint.js";
import { sharedTemporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const SIZE = 32;
const BEFORE = { cropFraction: 0.5, interpolation: "bicubic" };
const NOW = { cropFraction: 0.875, interpolation: "bicubic" };

const folder = sharedTemporaryFolder();
await writeClasses(join(folder, "train"), { cat: 12, dog: 12 });
await writeClasses(join(folder, "validation"), { cat: 9, dog: 9 }, 100);

/** A run of two steps, stopped after the first. @returns its folder */
async function stoppedRun(name: string): Promise<string> {
  const runPath = join(folder, name);
  const recipe: Recipe = {
    model: "resnet8",
    method: "vanilla",
    threads: 1,
    data: { path: folder, imageSize: SIZE, workers: 1 },
    training: { epochs: 1, batchSize: 12, timeBudgetHours: 1e-9 },
  };
  await train(recipe, { run: runPath });
  return runPath;
}

/** Resumes the run to its end. @returns the notes, and the loss of the last validation */
async function finishRun(path: string): Promise<{ said: string; loss: number }> {
  const notes: string[] = [];
  await train(
    {},
    { run: path, resume: true, onEvent: (event) => void (event.type === "note" && notes.push(event.message)) },
  );
  const lines = readFileSync(RunDirectory.open(path).metrics.path, "utf8").trim().split("\n");
  const { loss } = lines.map((line) => JSON.parse(line)).findLast(({ type }) => type === "validation");
  return { said: notes.join("\n"), loss };
}

/** The accuracy of `evaluate` on the validation images, and its text about their crop. */
async function evaluated(model: string, cropFraction?: number): Promise<{ loss: number; images: string }> {
  const predictor = await openPredictor(model, { threads: 1 });
  const { run, view, imageSize } = predictor;
  const common = { data: folder, run, split: "validation", imageSize, view, workers: 1, limitTest: undefined } as const;
  const data = await openEvaluationData({ ...common, cropFraction });
  try {
    const { loss } = accuracyOf(await predict(predictor, data.images.batches(9)));
    return { loss, images: protocolOf(predictor, data, classRule(predictor.classes, data, undefined)).images };
  } finally {
    await data.close();
    await predictor.close();
  }
}

/** Turns the files of a run into those of a version that did not record crop rules. */
function forgetRule(path: string): void {
  const run = RunDirectory.open(path);
  const { view, ...info } = run.readInfo();
  expect(view).toEqual(NOW);
  run.writeInfo(info);
  forgetRuleOfWeights(run.checkpoint("last").weights);
}

function forgetRuleOfWeights(file: string, view: typeof NOW = NOW): void {
  const { tensors, metadata } = decodeSafetensors(readFileSync(file));
  const written = JSON.parse(metadata.advprop);
  expect(written.specification.view).toEqual(view);
  delete written.specification.view;
  // Files of that version have no checksum either.
  const { sha256: _, ...others } = metadata;
  writeFileAtomic(file, encodeSafetensors(tensors, { ...others, advprop: JSON.stringify(written) }));
}

test("a run takes 0.875 below 224 pixels, for validation and evaluation, and so do its exported files", async () => {
  const run = await stoppedRun("new");
  const { loss, said } = await finishRun(run);
  expect(said).not.toContain("crop");
  expect(RunDirectory.open(run).readInfo().view).toEqual(NOW);
  const { weights } = RunDirectory.open(run).checkpoint("last");
  expect(readCheckpoint(weights)).toMatchObject({ viewRecorded: true, specification: { view: NOW } });

  const own = await evaluated(weights);
  expect(own.loss).toBeCloseTo(loss, 6);
  expect(own.images).toBe("images: short side to 37 pixels, bicubic, centre 32 x 32 (crop fraction 0.875)");

  const exported = join(folder, "exported.safetensors");
  await exportModel(weights, exported);
  expect(importWeights(exported).specification.view).toEqual(NOW);
  expect(await evaluated(exported)).toEqual(own);

  // For a file without a rule the text says which rule is used, and --crop-fraction overrides it.
  forgetRuleOfWeights(exported);
  expect(readCheckpoint(exported)).toMatchObject({ viewRecorded: false, specification: { view: BEFORE } });
  const kept = await evaluated(exported);
  expect(kept.loss).not.toBeCloseTo(loss, 3);
  expect(kept.images).toBe(
    "images: short side to 64 pixels, bicubic, centre 32 x 32 (crop fraction 0.5); the model's file records no crop rule, so the " +
      "earlier default is used, size / (size + 32); the default is now 0.875 (`cropFraction: 0.875`)",
  );
  expect(await evaluated(exported, 0.875)).toEqual(own);
});

test("a run of an earlier version keeps its rule when it is resumed, evaluated and exported, and says so", async () => {
  const run = await stoppedRun("old");
  forgetRule(run);
  const { weights } = RunDirectory.open(run).checkpoint("last");
  expect((await evaluated(weights)).images).toContain("the model's file records no crop rule");

  const { loss, said } = await finishRun(run);
  expect(said).toContain("the run records no crop rule. Its validation keeps the earlier default, the middle 0.500");
  expect(RunDirectory.open(run).readInfo().view).toEqual(BEFORE);
  // The resumed run records the rule.
  const { loss: again, images } = await evaluated(weights);
  expect(again).toBeCloseTo(loss, 6);
  expect(images).toBe("images: short side to 64 pixels, bicubic, centre 32 x 32 (crop fraction 0.5)");

  forgetRuleOfWeights(weights, BEFORE);
  const exported = join(folder, "exported-old.safetensors");
  await exportModel(weights, exported);
  expect(importWeights(exported).specification.view).toEqual(BEFORE);
});
