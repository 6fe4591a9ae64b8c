/** One evaluation, from a weights file to its result on standard output. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createAttack } from "../attacks/create.js";
import type { EvaluationImages, OpenedData } from "../data/open-data.js";
import { UsageError } from "../errors.js";
import { type Accuracy, accuracyOf } from "../evaluation/accuracy.js";
import { confusionOf } from "../evaluation/confusion.js";
import { checkClasses, predict } from "../evaluation/predictions.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { confusionPng } from "../images/confusion-chart.js";
import type { Classifier, ModelSpecification } from "../models/classifier.js";
import { createClassifier } from "../models/registry.js";
import { loadState } from "../models/weights.js";
import { classifierPredictor, type PredictionOptions } from "../predictors/classifier-predictor.js";
import { openRecipeData } from "../recipes/data.js";
import { applySettings, parseRecipe, resolveRecipe } from "../recipes/resolve.js";
import type { ResolvedRecipe } from "../recipes/schema.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { RunDirectory, savedSplit, writeJson } from "../runs/run-directory.js";
import { type EvaluationFile, RUN_SCHEMA } from "../runs/schema.js";
import { setMemoryLimit, setThreads } from "../tensor/index.js";
import { readCheckpoint } from "../training/checkpoint.js";

/** Classes whose accuracy is printed; all are in the saved file. */
const SHOWN_CLASSES = 10;

export interface RunEvaluationOptions {
  /** The run's folder, which gets the result too. */
  readonly run: string | undefined;
  readonly weights: string;
  readonly data: string | undefined;
  readonly split: "validation" | "test";
  readonly route: string;
  /** Settings of the attack, or undefined for clean images alone. */
  readonly attackSettings: readonly string[] | undefined;
  /** Settings of where and how to compute. */
  readonly machineSettings: readonly string[];
  readonly limitTest: number | undefined;
  readonly seed: number;
  readonly threads: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

export async function runEvaluation(options: RunEvaluationOptions): Promise<void> {
  const { weights, split, route } = options;
  setThreads(options.threads);
  const machine = resolveRecipe(applySettings({}, options.machineSettings));
  setMemoryLimit(machine.memoryLimit ?? undefined);
  // Evaluation attacks are untargeted unless told: the strongest reading of "robust".
  const attack =
    options.attackSettings &&
    resolveRecipe(applySettings({}, ["attack.target=none", ...options.attackSettings])).attack;
  const file = readCheckpoint(weights);
  const model = createClassifier(file.specification.name, file.specification).initialize(0);
  loadState(model.network.state(), file.tensors, weights);
  if (!model.routes.includes(route)) {
    throw new UsageError("ERR_ROUTE", `evaluate: --route must be one of ${model.routes.join(", ")}; got ${route}`);
  }
  const data = await openEvaluationData(options, model.specification, machine.data.workers);
  try {
    checkClasses(model.specification.classes, data);
    const images = data[split];
    if (images === undefined) {
      throw new UsageError("ERR_SPLIT", `evaluate: ${data.name} has no part ${split}. Choose another with --split`);
    }
    await measureAll(options, model, attack, data.name, images);
  } finally {
    await data.close();
  }
}

/** Measures, saves and prints. */
async function measureAll(
  options: RunEvaluationOptions,
  model: Classifier,
  attack: ResolvedRecipe["attack"] | undefined,
  dataName: string,
  images: EvaluationImages,
): Promise<void> {
  const { run, weights, split, route, seed, json } = options;
  const batches = images.batches(evaluationBatchSize(model.specification.imageSize));
  const measure = async (what: string, prediction: PredictionOptions) => {
    const progress = new BatchProgress(what, images.length, options.quiet);
    return predict(classifierPredictor(model, prediction), batches, (done) => progress.show(done));
  };
  const predictions = await measure("clean", { route });
  const clean = accuracyOf(predictions);
  const { classes: perClass, balancedAccuracy, matrix: confusion } = confusionOf(predictions);
  const robust = attack && accuracyOf(await measure("attacked", { route, seed, attack: createAttack(attack) }));

  const result: EvaluationFile = {
    schema: RUN_SCHEMA,
    createdAt: new Date().toISOString(),
    command: ["advprop", ...process.argv.slice(2)],
    weights,
    route,
    data: { name: dataName, split },
    ...clean,
    balancedAccuracy,
    perClass,
    confusion,
    ...(robust && { attack: { ...attack, seed }, robustAccuracy: robust.accuracy, robustLoss: robust.loss }),
  };
  if (run !== undefined) {
    const name = `${split}-${route}${attack === undefined ? "" : `-${attack.name}`}-${result.createdAt.replace(/[:.]/g, "-")}`;
    const path = join(RunDirectory.open(run).evaluation, name);
    writeJson(`${path}.json`, result);
    writeFileAtomic(`${path}.png`, await confusionPng(predictions.classes, confusion));
    if (!options.quiet) process.stderr.write(`Saved ${path}.json and its confusion matrix, ${path}.png\n`);
  }
  console.log(json ? JSON.stringify(result) : describe(result, clean, robust));
}

/** The images to evaluate on: those given, read as the run was trained where it is one. */
async function openEvaluationData(
  { data, run, split, limitTest }: RunEvaluationOptions,
  { imageSize }: ModelSpecification,
  workers: number | null,
): Promise<OpenedData> {
  const trained = run === undefined ? resolveRecipe({}) : recipeOf(run);
  const path = data ?? trained.data.path;
  const recipe = { ...trained, data: { ...trained.data, path, imageSize, workers, limitTest: limitTest ?? null } };
  // A split of the run's own photos holds for these alone.
  const own = run !== undefined && path === trained.data.path;
  return openRecipeData(recipe, { parts: [split], split: own ? savedSplit(run) : undefined });
}

function recipeOf(path: string): ResolvedRecipe {
  const { recipe } = RunDirectory.open(path);
  return resolveRecipe(parseRecipe(readFileSync(recipe, "utf8"), recipe));
}

function describe(
  { weights, route, data, count, attack, balancedAccuracy, perClass }: EvaluationFile,
  clean: Accuracy,
  robust: Accuracy | undefined,
): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const line = (what: string, { accuracy, loss }: Accuracy) =>
    `${what} accuracy ${percent(accuracy)}, loss ${loss.toFixed(4)}`;
  const lines = [`${weights} through ${route} on ${count} ${data.split} images of ${data.name}`, line("clean ", clean)];
  if (robust !== undefined && attack !== undefined) {
    const steps = attack.steps === undefined ? "" : `${attack.steps} steps, `;
    const epsilon = attack.norm === "l2" ? attack.epsilon : `${+(Number(attack.epsilon) * 255).toFixed(2)}/255`;
    lines.push(`${line("robust", robust)} (${attack.name}, ${attack.norm}, ${steps}epsilon ${epsilon})`);
  }
  lines.push(`balanced accuracy ${percent(balancedAccuracy)}; by class, the lowest first:`);
  const width = Math.max(...perClass.map(({ name }) => name.length));
  const worst = perClass.filter(({ count: own }) => own > 0).sort((a, b) => a.accuracy - b.accuracy);
  for (const { name, count: own, accuracy } of worst.slice(0, SHOWN_CLASSES)) {
    lines.push(`  ${name.padEnd(width)}  ${percent(accuracy).padStart(8)} of ${own}`);
  }
  return lines.join("\n");
}

/** "clean 2000/10000" on standard error, rewritten on a terminal and silent elsewhere. */
class BatchProgress {
  readonly #shown: boolean;

  constructor(
    readonly what: string,
    readonly total: number,
    quiet: boolean,
  ) {
    this.#shown = !quiet && process.stderr.isTTY === true;
  }

  show(done: number): void {
    if (this.#shown) process.stderr.write(`\r\x1b[2K${done < this.total ? `${this.what} ${done}/${this.total}` : ""}`);
  }
}
