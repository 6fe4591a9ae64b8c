/** The quickstart's trainings, their measurements and pictures. */
import type { TrainOptions } from "../../api/training/options.js";
import { train } from "../../api/training/train.js";
import { createAttack } from "../../attacks/create.js";
import { CORRUPTIONS } from "../../corruptions/index.js";
import { corruptedDataset } from "../../corruptions/sets/corrupted-dataset.js";
import type { Dataset } from "../../data/datasets/dataset.js";
import { limitPrefix } from "../../data/datasets/subset.js";
import { evaluationBatches } from "../../data/loading/loader.js";
import { shapesDataset } from "../../data/shapes/shapes.js";
import { assert } from "../../errors.js";
import { predict } from "../../evaluation/predictions.js";
import { evaluationBatchSize, type Predictor } from "../../evaluation/predictor.js";
import type { Classifier } from "../../models/classifier.js";
import { loadedClassifier } from "../../models/loaded.js";
import { attackedPredictor, classifierPredictor } from "../../predictors/classifier-predictor.js";
import { pgd10 } from "../../predictors/white-box-conditions.js";
import { resolveRecipe } from "../../recipes/resolve.js";
import type { ResolvedRecipe } from "../../recipes/schema.js";
import { readJsonLines } from "../../runs/metrics-log.js";
import { RunDirectory } from "../../runs/run-directory.js";
import type { MetricsRecord } from "../../runs/schema.js";
import { readCheckpoint } from "../../training/checkpoint.js";
import { forwardBackwardUnits, METHOD_TABLE } from "../../training/methods/methods.js";
import { attackImages } from "../../training/snapshots.js";
import type { AdversarialExample } from "./figure.js";
import { EPSILON, type QuickstartMethod, quickstartRecipe, TEST_EPSILON } from "./recipe.js";

/** The tests, with their names in the table. */
export const TESTS = {
  clean: "clean",
  corrupted: "corrupted, mean of 15 at severity 3",
  stylised: "stylised, texture of another class",
  attacked: "attacked, PGD-10 at 2/255",
} as const;

export type TestName = keyof typeof TESTS;
export const TEST_NAMES = Object.keys(TESTS) as TestName[];

export interface Measured {
  /** The scores of the images in each test: 1 for right, 0 for wrong, or the mean of these over the corruptions. */
  readonly scores: Readonly<Record<TestName, Float64Array>>;
  readonly seconds: number;
  /** Forward-backward units of a training step. */
  readonly units: number;
}

/** The accuracy that scores give, as a fraction. */
export const meanScore = (scores: Float64Array): number =>
  scores.reduce((total, score) => total + score, 0) / scores.length;

const SEVERITY = 3;
/** The first so many test images are corrupted and attacked. There are few, because each needs many passes. */
const FEW = 500;
const SHOWN = 8;

/** Trains by one method in the folder `run`, and tests the last epoch. */
export async function trainAndMeasure(
  method: QuickstartMethod,
  run: string,
  { seed = 0, threads, onEvent }: { seed?: number; threads?: number; onEvent?: TrainOptions["onEvent"] } = {},
): Promise<Measured> {
  const recipe = { ...quickstartRecipe(method, seed), ...(threads !== undefined && { threads }) };
  const from = performance.now();
  await train(recipe, { run, onEvent });
  const seconds = (performance.now() - from) / 1000;
  return { ...(await measure(resolveRecipe(recipe), run)), seconds };
}

async function measure(recipe: ResolvedRecipe, path: string): Promise<Omit<Measured, "seconds">> {
  const model = lastOf(path);
  const predictor = classifierPredictor(model);
  const { testImages: count, seed } = recipe.data.shapes;
  const clean = shapesDataset({ split: "test", count, size: 32, seed });
  const stylised = shapesDataset({ split: "test", count, size: 32, seed, variant: "stylised" });
  const few = limitPrefix(clean, FEW);
  const corrupted = new Float64Array(FEW);
  for (const name of CORRUPTIONS) {
    const scores = await scoresOf(predictor, corruptedDataset(few, name, { severity: SEVERITY, seed }));
    for (let i = 0; i < FEW; i++) corrupted[i] += scores[i] / CORRUPTIONS.length;
  }
  const attack = pgd10(TEST_EPSILON);
  return {
    scores: {
      clean: await scoresOf(predictor, clean),
      corrupted,
      stylised: await scoresOf(predictor, stylised),
      attacked: await scoresOf(attackedPredictor(model, { attack }), few),
    },
    units: forwardBackwardUnits(METHOD_TABLE[recipe.method], 1),
  };
}

async function scoresOf(predictor: Predictor, dataset: Dataset): Promise<Float64Array> {
  const { labels, predicted } = await predict(
    predictor,
    evaluationBatches(dataset, evaluationBatchSize(dataset.height)),
  );
  return Float64Array.from(labels, (label, i) => (predicted[i] === label ? 1 : 0));
}

function lastOf(path: string): Classifier {
  const { weights } = RunDirectory.open(path).checkpoint("last");
  return loadedClassifier(readCheckpoint(weights), weights);
}

/** The curves of a run, from its log. */
export function curveOf(path: string): { loss: number[]; validationAccuracy: number[] } {
  const records = readJsonLines<MetricsRecord>(RunDirectory.open(path).metrics.path);
  return {
    loss: records.flatMap((record) => (record.type === "epoch" ? [record.cleanLoss] : [])),
    validationAccuracy: records.flatMap((record) => (record.type === "validation" ? [record.accuracy] : [])),
  };
}

/** A few test images attacked as in training, with the network's predictions through both routes. */
export async function adversarialExamples(recipe: ResolvedRecipe, path: string): Promise<AdversarialExample[]> {
  const model = lastOf(path);
  const dataset = shapesDataset({ split: "test", count: SHOWN, size: 32, seed: recipe.data.shapes.seed });
  const [pixels] = evaluationBatches(dataset, SHOWN);
  assert(recipe.attack !== undefined && "name" in recipe.attack, "AdvProp makes an attack");
  const attack = createAttack(recipe.attack);
  const [clean, perturbation, adversarial] = attackImages({
    model,
    attack,
    route: "aux",
    fullRange: EPSILON,
    seed: recipe.seed,
    pixels,
  });
  const through = (route: string) => classifierPredictor(model, { route });
  const attacked = { ...pixels, pixels: Buffer.concat(adversarial) };
  const says = async (route: string) => (await predict(through(route), [attacked])).predicted;
  const [main, auxiliary] = [await says("main"), await says("aux")];
  return clean.map((image, i) => ({
    clean: image,
    perturbation: perturbation[i],
    adversarial: adversarial[i],
    label: dataset.classes[dataset.labels[i]],
    main: dataset.classes[main[i]],
    auxiliary: dataset.classes[auxiliary[i]],
  }));
}
