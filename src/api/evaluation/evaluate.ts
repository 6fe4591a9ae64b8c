/** Evaluates one model on clean and attacked images. Nothing here may load libtorch, because an ONNX file does not need it. */
import { findingLines } from "../../data/inspection/findings.js";
import type { PixelBatch } from "../../data/loading/batch.js";
import { RunError, UsageError } from "../../errors.js";
import { accuracyOf } from "../../evaluation/accuracy.js";
import { readClassMap } from "../../evaluation/classes/class-map.js";
import { classRule, knownSet, relabelled, underRule } from "../../evaluation/classes/class-rule.js";
import { confusionOf, savedConfusion } from "../../evaluation/confusion.js";
import { WorstMistakes } from "../../evaluation/mistakes.js";
import { predict } from "../../evaluation/predictions.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import { measureRobustness, type Robustness } from "../../evaluation/robustness.js";
import { shapeBias } from "../../evaluation/shape-bias.js";
import { type Adversaries, adversariesOf } from "../../predictors/adversaries.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import { type EvaluationFile, RUN_SCHEMA } from "../../runs/schema.js";
import { COSTLY_ATTACK_IMAGES, type EvaluationAttackPlan, type EvaluationAttackSpec, planAttack } from "./attack.js";
import { chosenByImages } from "./chosen-by.js";
import { type EvaluationData, usedBy } from "./data.js";
import type { EvaluationEvent } from "./events.js";
import { type EvaluationOptions, machineOf, openImages, openModel } from "./options.js";
import { protocolOf } from "./protocol.js";
import { checkSavable, listedMistakes, saveEvaluation } from "./save.js";

export interface EvaluateOptions extends EvaluationOptions {
  /** By default none: only clean images are measured. */
  readonly attack?: EvaluationAttackSpec;
}

/**
 * Measures the accuracy of a model on images, and under an attack. The result of a run is also saved in the run's folder, with a
 * picture of the confusion matrix.
 *
 * @param model a run's folder, a weights file or its address (see `openWeights`), or an ONNX file, for which libtorch is
 *   not needed
 * @throws UsageError ERR_RECIPE, ERR_SETTING, ERR_ATTACK, ERR_RESTARTS, ERR_SPLIT, ERR_CLASSES, and what opening the model and the images
 *   throws
 * @throws RunError ERR_DATA_CHANGED the images changed during the evaluation; ERR_WRITE the result of a run cannot be saved in its
 *   folder. This is checked before anything is measured. If it happens later all the same, the event `unsaved` has the result
 */
export async function evaluate(model: string, options: EvaluateOptions = {}): Promise<EvaluationFile> {
  const machine = machineOf(options);
  const attack = options.attack && planAttack(options.attack);
  if (attack === undefined && options.seed !== undefined) {
    const why = "nothing else of an evaluation is random";
    throw new UsageError(
      "ERR_ATTACK",
      `evaluate: \`seed\` needs an attack, because ${why}. Leave it out, or add \`attack.name: pgd\``,
    );
  }
  const predictor = await openModel(model, options, machine);
  try {
    if (predictor.run !== undefined) checkSavable(predictor.run);
    const limitTest = options.limitTest ?? (attack?.costly ? COSTLY_ATTACK_IMAGES : undefined);
    const data = await openImages(predictor, { ...options, limitTest }, machine);
    try {
      for (const message of findingLines(data.findings)) options.onEvent?.({ type: "note", message, warning: false });
      return await measure(options, predictor, attack, data);
    } finally {
      await data.close();
    }
  } finally {
    await predictor.close();
  }
}

/** Measures a model, and saves the result if it is a run. */
async function measure(
  options: EvaluateOptions,
  predictor: OpenedPredictor,
  attack: EvaluationAttackPlan | undefined,
  data: EvaluationData,
): Promise<EvaluationFile> {
  const { seed = 0, classMap, command = [], onEvent } = options;
  const rule = classRule(predictor.classes, data, classMap === undefined ? undefined : readClassMap(classMap));
  const images = relabelled(data.images, rule);
  const files: string[] = [];
  const batches = images.batches(evaluationBatchSize(predictor.imageSize));
  // Before the clean pass, so that an impossible attack fails at once.
  const opened = attack && (await openAttack(predictor, attack, seed, rule.columns === undefined));
  const seen = noting(batches, files, images.fileOf);
  const worst = new WorstMistakes();
  const predictions = await predict(underRule(predictor, rule), seen, (done, batch, own) => {
    worst.add(batch, own);
    onEvent?.({ type: "pass", name: "clean", done, total: images.length, costly: false });
  });
  const { classes: perClass, balancedAccuracy, counts } = confusionOf(predictions);
  const bias = knownSet(data.classes) === "cue-conflict" ? shapeBias(predictions, files) : undefined;
  const limited = options.limitTest === undefined;
  const { length } = predictions.labels;
  const robust = opened && (await makeAttack(attack, opened, { length, batches, limited }, onEvent));
  if (robust !== undefined && robust.outcomes.length !== length) {
    throw new RunError(
      "ERR_DATA_CHANGED",
      `evaluate: the images of ${data.name} changed during the evaluation; there were ${length}. Run it again`,
    );
  }
  const used = usedBy(predictor.run, data);
  const chose = chosenByImages({ ...predictor, ...used, split: data.split, data: options.data });

  const result: EvaluationFile = {
    schema: RUN_SCHEMA,
    createdAt: new Date().toISOString(),
    command,
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
    mistakes: listedMistakes(worst.mistakes, images.fileOf),
    ...(bias && { shapeBias: bias }),
    ...(robust && {
      attack: { ...attack.settings, seed },
      robustAccuracy: robust.robustAccuracy,
      robustness: { attacks: robust.attacks, outcomes: robust.outcomes, warnings: robust.warnings },
    }),
  };
  if (predictor.run === undefined) return result;
  const saved = await saveEvaluation(predictor.run, result, { counts, mistakes: worst.mistakes }).catch((error) => {
    onEvent?.({ type: "unsaved", result });
    throw error;
  });
  onEvent?.({ type: "written", files: saved.files });
  return saved.result;
}

/**
 * @param ownClasses whether the model's logits are the scores; an attack needs this
 * @throws ERR_ATTACK the attack needs gradients that the model does not give, or the data set has other classes than the model
 */
async function openAttack(
  predictor: OpenedPredictor,
  attack: EvaluationAttackPlan,
  seed: number,
  ownClasses: boolean,
): Promise<Adversaries> {
  if (ownClasses) return adversariesOf(predictor, attack, seed);
  throw new UsageError(
    "ERR_ATTACK",
    "evaluate: an attack needs all classes of the model, and this data set joins or leaves out some. Leave out `attack`",
  );
}

/** The images to attack. */
interface ImagesToAttack {
  readonly length: number;
  readonly batches: AsyncIterable<PixelBatch> | Iterable<PixelBatch>;
  /** Whether the number of images is the default of a costly attack. */
  readonly limited: boolean;
}

/** Runs an attack, and counts the images that are still classified correctly. */
async function makeAttack(
  { name: attack, norm, epsilon, costly }: EvaluationAttackPlan,
  { subject, adversaries, warnings }: Adversaries,
  { length, batches, limited }: ImagesToAttack,
  onEvent: ((event: EvaluationEvent) => void) | undefined,
): Promise<Robustness> {
  const warn = (message: string) => onEvent?.({ type: "note", message: `Warning: ${message}`, warning: true });
  warnings.forEach(warn);
  const result = await measureRobustness(
    {
      subject,
      adversaries,
      norm,
      epsilon,
      count: length,
      onCost: (cost) =>
        onEvent?.({
          type: "cost",
          attack,
          images: length,
          limited: limited && length === COSTLY_ATTACK_IMAGES,
          ...cost,
        }),
      onWarning: warn,
      onProgress: (done, name, standing) =>
        onEvent?.({ type: "pass", name: costly ? name : attack, done, total: length, standing, costly }),
    },
    batches,
  );
  return { ...result, warnings: [...warnings, ...result.warnings] };
}

/** The batches. The file of each photo is added to `files`. */
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
