/** One evaluation, from a weights file to its result on standard output. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createAttack } from "../attacks/create.js";
import type { Dataset } from "../data/dataset.js";
import { openDataset } from "../data/open.js";
import { limitPrefix } from "../data/subset.js";
import { UsageError } from "../errors.js";
import { type Accuracy, evaluateAccuracy } from "../evaluation/accuracy.js";
import { createClassifier } from "../models/registry.js";
import { loadState } from "../models/weights.js";
import { classifierPredictor, type PredictionOptions } from "../predictors/classifier-predictor.js";
import { EVALUATION_BATCH } from "../recipes/build.js";
import { applySettings, parseRecipe, resolveRecipe } from "../recipes/resolve.js";
import { RunDirectory, writeJson } from "../runs/run-directory.js";
import { type EvaluationFile, RUN_SCHEMA } from "../runs/schema.js";
import { setMemoryLimit, setThreads } from "../tensor/index.js";
import { readCheckpoint } from "../training/checkpoint.js";

export interface RunEvaluationOptions {
  /** The run's folder, which gets the result too. */
  readonly run: string | undefined;
  readonly weights: string;
  readonly data: string | undefined;
  readonly split: "train" | "test";
  readonly route: string;
  /** Settings of the attack, or undefined for clean images alone. */
  readonly attackSettings: readonly string[] | undefined;
  readonly limitTest: number | undefined;
  readonly seed: number;
  readonly threads: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

export async function runEvaluation(options: RunEvaluationOptions): Promise<void> {
  const { run, weights, split, route, seed, json } = options;
  setThreads(options.threads);
  setMemoryLimit();
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
  const dataset = await openTestData(options);

  const measure = (what: string, prediction: PredictionOptions) => {
    const progress = new BatchProgress(what, dataset.length, options.quiet);
    return evaluateAccuracy(classifierPredictor(model, prediction), dataset, EVALUATION_BATCH, (done) =>
      progress.show(done),
    );
  };
  const clean = measure("clean", { route });
  const robust = attack && measure("attacked", { route, seed, attack: createAttack(attack) });

  const result: EvaluationFile = {
    schema: RUN_SCHEMA,
    createdAt: new Date().toISOString(),
    command: ["advprop", ...process.argv.slice(2)],
    weights,
    route,
    data: { name: dataset.name, split },
    ...clean,
    ...(robust && { attack: { ...attack, seed }, robustAccuracy: robust.accuracy, robustLoss: robust.loss }),
  };
  if (run !== undefined) {
    const name = `${split}-${route}${attack === undefined ? "" : `-${attack.name}`}-${result.createdAt.replace(/[:.]/g, "-")}.json`;
    writeJson(join(RunDirectory.open(run).evaluation, name), result);
  }
  console.log(json ? JSON.stringify(result) : describe(result, clean, robust));
}

async function openTestData({ data, run, split, limitTest }: RunEvaluationOptions): Promise<Dataset> {
  const path = data ?? (run === undefined ? undefined : dataOfRun(run));
  if (path === undefined) {
    throw new UsageError("ERR_DATA_MISSING", "evaluate: the data must be given. Add --data PATH, a folder of images");
  }
  const dataset = await openDataset(path, split);
  return limitTest === undefined ? dataset : limitPrefix(dataset, limitTest);
}

function dataOfRun(path: string): string | undefined {
  const { recipe } = RunDirectory.open(path);
  return resolveRecipe(parseRecipe(readFileSync(recipe, "utf8"), recipe)).data.path ?? undefined;
}

function describe(
  { weights, route, data, count, attack }: EvaluationFile,
  clean: Accuracy,
  robust: Accuracy | undefined,
): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const line = (what: string, { accuracy, loss }: Accuracy) =>
    `${what} accuracy ${percent(accuracy)}, loss ${loss.toFixed(4)}`;
  const lines = [`${weights} through ${route} on ${count} ${data.split} images of ${data.name}`, line("clean ", clean)];
  if (robust !== undefined && attack !== undefined) {
    const epsilon = Number(attack.epsilon) * 255;
    lines.push(`${line("robust", robust)} (${attack.name}, ${attack.steps} steps, epsilon ${+epsilon.toFixed(2)}/255)`);
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
