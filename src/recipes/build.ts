/** From a resolved recipe to the parts of a training run. */
import { attackGradients, createAttack } from "../attacks/create.js";
import type { Dataset } from "../data/dataset.js";
import { evaluationBatches, type Loader, trainingLoader } from "../data/loader.js";
import { openDataset } from "../data/open.js";
import { limitPrefix, splitValidation, subset } from "../data/subset.js";
import { UsageError } from "../errors.js";
import { type Accuracy, evaluateAccuracy } from "../evaluation/accuracy.js";
import type { Classifier } from "../models/classifier.js";
import { createClassifier } from "../models/registry.js";
import { ATTACK } from "../nn/context.js";
import { createOptimizer, createSchedule } from "../optim/create.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedule.js";
import { WeightAverage } from "../optim/weight-average.js";
import { classifierPredictor } from "../predictors/classifier-predictor.js";
import { GradientStore, memoryStats } from "../tensor/index.js";
import { updatesPerEpoch } from "../training/fit.js";
import { automaticBatchSize, checkMemory, estimateMemory, type MemoryEstimate } from "../training/memory-estimate.js";
import { forwardBackwardUnits, METHOD_TABLE, type Method } from "../training/methods.js";
import { writeSnapshot } from "../training/snapshots.js";
import type { TrainingStep } from "../training/step.js";
import type { ResolvedRecipe } from "./schema.js";

/** Images in a batch of evaluation: enough to fill the machine, few enough for any memory. */
export const EVALUATION_BATCH = 200;
const SNAPSHOT_IMAGES = 8;

/** The training and validation images of a recipe. */
export interface TrainingData {
  readonly train: Dataset;
  readonly validation: Dataset | undefined;
}

/** @throws ERR_DATA_MISSING no path is given, and what the readers throw */
export async function openTrainingData({ data, seed }: ResolvedRecipe): Promise<TrainingData> {
  if (data.path === null) {
    throw new UsageError("ERR_DATA_MISSING", "train: the data must be given. Add --data PATH, a folder of images");
  }
  const all = await openDataset(data.path, "train");
  const limited = data.limitTrain === null ? all : limitPrefix(all, data.limitTrain);
  if (data.validationFraction === 0) return { train: limited, validation: undefined };
  return splitValidation(limited, data.validationFraction, seed);
}

/** A recipe whose batch size is known. */
export type SizedRecipe = ResolvedRecipe & { readonly training: { readonly batchSize: number } };

/** What learns, whatever the size of its batches. */
export interface Learner {
  readonly model: Classifier;
  readonly step: TrainingStep;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  readonly average: WeightAverage | undefined;
  readonly clipGradientNorm: number | null;
  /** What is evaluated: the average's network where there is one, else the model. */
  readonly evaluated: Classifier;
  /** What a step costs, in training passes of vanilla: {@link forwardBackwardUnits}. */
  readonly unitsPerStep: number;
  /** Writes a picture of the epoch's adversarial images into a folder; undefined for a method without an attack. */
  readonly snapshot: ((folder: string, epoch: number) => Promise<void>) | undefined;
}

/** Everything that {@link fit} needs from a recipe. */
export interface Training extends Learner {
  readonly schedule: Schedule;
  readonly loader: Loader;
  readonly validate: (() => Accuracy) | undefined;
}

/** Makes the parts of a run that do not depend on the batch size. Nothing is written. */
export function buildLearner(recipe: ResolvedRecipe, train: Dataset): Learner {
  const { seed, training } = recipe;
  const method: Method = METHOD_TABLE[recipe.method];
  const make = () =>
    createClassifier(recipe.model, {
      classes: train.classes,
      routes: method.routes,
      imageSize: train.height,
    }).initialize(seed);
  const model = make();
  const twin = training.averageDecay === null ? undefined : make();
  const named = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(named.map(([, { value }]) => value));
  return {
    model,
    ...createStep(recipe, method, model, gradients, train),
    unitsPerStep: forwardBackwardUnits(method, attackGradients(recipe.attack)),
    gradients,
    optimizer: createOptimizer(recipe.optimizer, named),
    average: twin && new WeightAverage(model.network, twin.network, training.averageDecay ?? 0),
    evaluated: twin ?? model,
    clipGradientNorm: training.clipGradientNorm,
  };
}

/**
 * Makes the parts of a run. Nothing is written.
 *
 * @throws ERR_BATCH_SIZE the training images do not make one update; ERR_VALIDATION early stopping has nothing to go by
 */
export function buildTraining(recipe: SizedRecipe, learner: Learner, { train, validation }: TrainingData): Training {
  const { seed, training } = recipe;
  const { batchSize, epochs, accumulationSteps } = training;
  if (training.earlyStoppingEpochs !== null && validation === undefined) {
    throw new UsageError(
      "ERR_VALIDATION",
      "train: training.earlyStoppingEpochs needs validation images, and there are none. Add --validation-fraction 0.1",
    );
  }
  const loader = trainingLoader(train, {
    batchSize,
    seed,
    augmentation: recipe.data.augmentation,
    views: METHOD_TABLE[recipe.method].views,
  });
  const totalSteps = epochs * updatesPerEpoch(loader, accumulationSteps);
  // Without a graph, twice the batch of a training step takes less memory than that step.
  const evaluationBatch = Math.min(EVALUATION_BATCH, 2 * batchSize);
  return {
    ...learner,
    schedule: createSchedule(recipe.schedule, { peak: recipe.optimizer.lr, totalSteps, epochs }),
    loader,
    validate:
      validation && (() => evaluateAccuracy(classifierPredictor(learner.evaluated), validation, evaluationBatch)),
  };
}

/**
 * Measures what an update takes, and settles the batch size.
 *
 * @returns the recipe with its batch size, and the measurement
 * @throws ERR_MEMORY the batch does not fit
 */
export function settleBatchSize(
  recipe: ResolvedRecipe,
  learner: Learner,
  train: Dataset,
): { readonly recipe: SizedRecipe; readonly estimate: MemoryEstimate } {
  const { batchSize, accumulationSteps } = recipe.training;
  const available = memoryStats().limitBytes;
  const estimate = estimateMemory(learner, { side: train.height, accumulationSteps });
  const settled =
    batchSize === "auto"
      ? automaticBatchSize(estimate, available, Math.floor(train.length / accumulationSteps))
      : batchSize;
  checkMemory(estimate, settled, available);
  return { recipe: { ...recipe, training: { ...recipe.training, batchSize: settled } }, estimate };
}

/** The method's step, and the pictures of its attack. */
function createStep(
  { attack: options, seed, training: { labelSmoothing } }: ResolvedRecipe,
  { perturbation, perturbedRoute: route, makeStep }: Method,
  model: Classifier,
  gradients: GradientStore,
  train: Dataset,
): Pick<Learner, "step" | "snapshot"> {
  const { norm, epsilon, statistics, stochastic } = options;
  const attack = createAttack(perturbation === "noise" ? { name: "noise", norm, epsilon } : options);
  const attackContext = { ...ATTACK, statistics, stochastic };
  const step = makeStep({ model, attack, attackContext, gradients, labelSmoothing });
  if (perturbation === "none") return { step, snapshot: undefined };
  const shown = subset(
    train,
    Array.from({ length: Math.min(SNAPSHOT_IMAGES, train.length) }, (_, i) => i),
  );
  return {
    step,
    snapshot: (folder, epoch) => {
      const [pixels] = evaluationBatches(shown, SNAPSHOT_IMAGES);
      return writeSnapshot({ model, attack, route, epsilon, seed, pixels, folder }, epoch);
    },
  };
}
