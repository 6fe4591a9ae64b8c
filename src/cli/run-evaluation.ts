/** One evaluation, from a model to its result on standard output. Nothing here may load libtorch: an ONNX file needs none. */
import { join } from "node:path";
import type { PixelBatch } from "../data/loader.js";
import { RunError, UsageError } from "../errors.js";
import { accuracyOf } from "../evaluation/accuracy.js";
import { readClassMap } from "../evaluation/class-map.js";
import { classRule, knownSet, relabelled, underRule } from "../evaluation/class-rule.js";
import { confusionOf, savedConfusion } from "../evaluation/confusion.js";
import { predict } from "../evaluation/predictions.js";
import { evaluationBatchSize } from "../evaluation/predictor.js";
import { shapeBias } from "../evaluation/shape-bias.js";
import { confusionPng } from "../images/confusion-chart.js";
import { type Adversaries, adversariesOf } from "../predictors/adversaries.js";
import type { OnnxOptions } from "../predictors/onnx-settings.js";
import { openPredictor } from "../predictors/open.js";
import type { OpenedPredictor } from "../predictors/opened.js";
import { applySettings, resolveRecipe } from "../recipes/resolve.js";
import { writeFileAtomic } from "../runs/atomic-file.js";
import { RunDirectory, writeJson } from "../runs/run-directory.js";
import { type EvaluationFile, RUN_SCHEMA } from "../runs/schema.js";
import { evaluateAttack } from "./attack-evaluation.js";
import { attackOfFlags, COSTLY_ATTACK_IMAGES, type CommandAttack } from "./attack-plan.js";
import { badImagesOf } from "./bad-image-settings.js";
import { chosenByImages } from "./chosen-by.js";
import { downloadProgress } from "./download-progress.js";
import { type EvaluationData, type EvaluationSplit, openEvaluationData, usedBy } from "./evaluation-data.js";
import { describeEvaluation } from "./evaluation-text.js";
import { BatchProgress } from "./progress.js";
import { protocolOf } from "./protocol.js";
import { sayFindings } from "./say-findings.js";

export interface RunEvaluationOptions {
  /** A run's folder, a weights file or its address, or an ONNX file. */
  readonly model: string;
  readonly checkpoint: string | undefined;
  readonly data: string | undefined;
  readonly split: EvaluationSplit | undefined;
  readonly route: string | undefined;
  /** What is said of an ONNX file. */
  readonly onnx: OnnxOptions;
  /** A file that says what the folders stand for. */
  readonly classMap: string | undefined;
  readonly cropFraction: number | undefined;
  /** Settings of the attack, or undefined for clean images alone. */
  readonly attackSettings: readonly string[] | undefined;
  /** Runs of the attack from other random starts, the first included. */
  readonly restarts: number;
  /** Settings of where and how to compute. */
  readonly machineSettings: readonly string[];
  /** Settings of what is done about photos that cannot be read. */
  readonly badImageSettings: readonly string[];
  readonly limitTest: number | undefined;
  readonly seed: number;
  readonly threads: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

export async function runEvaluation(options: RunEvaluationOptions): Promise<void> {
  const { checkpoint, route, onnx, threads } = options;
  const machine = resolveRecipe(applySettings({}, options.machineSettings));
  const attack = options.attackSettings && attackOfFlags(options.attackSettings, options.restarts);
  const { precision, device } = machine;
  const memoryLimit = machine.memoryLimit ?? undefined;
  const computing = { threads, precision, device, memoryLimit };
  const progress = downloadProgress(options.quiet);
  const opening = { checkpoint, route, ...computing, onnx, onProgress: progress.show };
  const predictor = await openPredictor(options.model, opening);
  progress.end(predictor.notes);
  try {
    const data = await openEvaluationData({
      ...options,
      limitTest: options.limitTest ?? (attack?.costly ? COSTLY_ATTACK_IMAGES : undefined),
      run: predictor.run,
      imageSize: predictor.imageSize,
      view: predictor.view,
      workers: machine.data.workers,
      badImages: badImagesOf(options.badImageSettings),
    });
    try {
      sayFindings(data.findings, options.quiet);
      await measureAll(options, predictor, attack, data);
    } finally {
      await data.close();
    }
  } finally {
    await predictor.close();
  }
}

/** Measures, saves and prints. */
async function measureAll(
  options: RunEvaluationOptions,
  predictor: OpenedPredictor,
  attack: CommandAttack | undefined,
  data: EvaluationData,
): Promise<void> {
  const { seed, json, quiet, classMap } = options;
  const rule = classRule(predictor.classes, data, classMap === undefined ? undefined : readClassMap(classMap));
  const images = relabelled(data.images, rule);
  const files: string[] = [];
  const batches = images.batches(evaluationBatchSize(predictor.imageSize));
  // Before the clean pass, so that what cannot be attacked is said at once.
  const opened = attack && (await openAttack(predictor, attack, seed, rule.columns === undefined));
  const progress = new BatchProgress("clean", images.length, quiet);
  const seen = noting(batches, files, images.fileOf);
  const predictions = await predict(underRule(predictor, rule), seen, (done) => progress.show(done));
  const { classes: perClass, balancedAccuracy, counts } = confusionOf(predictions);
  const bias = knownSet(data.classes) === "cue-conflict" ? shapeBias(predictions, files) : undefined;
  const limited = options.limitTest === undefined;
  const { length } = predictions.labels;
  const robust = opened && (await evaluateAttack(attack, opened, { length, batches, limited }, quiet));
  if (robust !== undefined && robust.outcomes.length !== length) {
    throw new RunError(
      "ERR_DATA_CHANGED",
      `evaluate: ${data.name} had ${length} images and has others now. Begin again`,
    );
  }
  const used = usedBy(predictor.run, data);
  const chose = chosenByImages({ ...predictor, ...used, split: data.split, data: options.data });

  const result: EvaluationFile = {
    schema: RUN_SCHEMA,
    createdAt: new Date().toISOString(),
    command: ["advprop", ...process.argv.slice(2)],
    weights: predictor.file,
    model: { kind: predictor.access === "white-box" ? "advprop" : "onnx", access: predictor.access },
    ...(predictor.access === "white-box" && { route: predictor.route }),
    data: {
      name: data.name,
      split: data.split,
      ...(chose && { choseCheckpoint: true }),
      ...used,
      ...(data.leftOut && { leftOut: data.leftOut() }),
      ...(data.notes.length > 0 && { notes: data.notes }),
    },
    protocol: protocolOf(predictor, data, rule),
    ...accuracyOf(predictions),
    balancedAccuracy,
    perClass,
    ...savedConfusion(counts, perClass.length),
    ...(bias && { shapeBias: bias }),
    ...(robust && {
      attack: { ...attack.settings, seed },
      robustAccuracy: robust.robustAccuracy,
      robustness: { attacks: robust.attacks, outcomes: robust.outcomes, warnings: robust.warnings },
    }),
  };
  if (predictor.run !== undefined) {
    const which = [data.split, result.route, ...(attack === undefined ? [] : [attack.name])].join("-");
    const path = join(
      RunDirectory.open(predictor.run).evaluation,
      `${which}-${result.createdAt.replace(/[:.]/g, "-")}`,
    );
    writeJson(`${path}.json`, result);
    writeFileAtomic(`${path}.png`, await confusionPng(predictions.classes, counts));
    if (!quiet) process.stderr.write(`Saved ${path}.json and its confusion matrix, ${path}.png\n`);
  }
  console.log(json ? JSON.stringify(result) : describeEvaluation(result));
}

/**
 * @param ownClasses whether the model's logits are the scores, which is what an attack works on
 * @throws ERR_ATTACK the attack needs gradients that the model does not give, or the set has other classes than it
 */
async function openAttack(
  predictor: OpenedPredictor,
  attack: CommandAttack,
  seed: number,
  ownClasses: boolean,
): Promise<Adversaries> {
  if (ownClasses) return adversariesOf(predictor, attack, seed);
  throw new UsageError(
    "ERR_ATTACK",
    "evaluate: a model is attacked among its own classes, and this set joins or leaves out some. Leave out --attack",
  );
}

/** The batches, noting the file of each photo as it comes. */
async function* noting(
  batches: AsyncIterable<PixelBatch>,
  files: string[],
  fileOf: ((sample: number) => string) | undefined,
): AsyncGenerator<PixelBatch> {
  for await (const batch of batches) {
    for (const sample of batch.samples) files.push(fileOf?.(sample) ?? "");
    yield batch;
  }
}
