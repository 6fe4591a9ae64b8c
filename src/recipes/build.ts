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
import { classifierPredictor } from "../predictors/classifier-predictor.js";
import { GradientStore } from "../tensor/index.js";
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

/** Everything that {@link fit} needs from a recipe. */
export interface Training {
  readonly model: Classifier;
  readonly step: TrainingStep;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly loader: Loader;
  readonly validate: (() => Accuracy) | undefined;
  /** What a step costs, in training passes of vanilla: {@link forwardBackwardUnits}. */
  readonly unitsPerStep: number;
  /** Writes a picture of the epoch's adversarial images into a folder; undefined for a method without an attack. */
  readonly snapshot: ((folder: string, epoch: number) => Promise<void>) | undefined;
}

/** Makes the parts of a run. Nothing is written. */
export function buildTraining(recipe: ResolvedRecipe, { train, validation }: TrainingData): Training {
  const { seed, training } = recipe;
  const method: Method = METHOD_TABLE[recipe.method];
  const model = createClassifier(recipe.model, {
    classes: train.classes,
    routes: method.routes,
    imageSize: train.height,
  }).initialize(seed);
  const named = Array.from(model.network.namedParameters());
  const gradients = new GradientStore(named.map(([, { value }]) => value));
  const loader = trainingLoader(train, {
    batchSize: training.batchSize,
    seed,
    augmentation: recipe.data.augmentation,
    views: method.views,
  });
  const { epochs } = training;
  const totalSteps = epochs * loader.stepsPerEpoch;
  return {
    model,
    ...createStep(recipe, method, model, gradients, train),
    unitsPerStep: forwardBackwardUnits(method, attackGradients(recipe.attack)),
    gradients,
    optimizer: createOptimizer(recipe.optimizer, named),
    schedule: createSchedule(recipe.schedule, { peak: recipe.optimizer.lr, totalSteps, epochs }),
    loader,
    validate: validation && (() => evaluateAccuracy(classifierPredictor(model), validation, EVALUATION_BATCH)),
  };
}

/** The method's step, and the pictures of its attack. */
function createStep(
  { attack: options, seed, training: { labelSmoothing } }: ResolvedRecipe,
  { perturbation, perturbedRoute: route, makeStep }: Method,
  model: Classifier,
  gradients: GradientStore,
  train: Dataset,
): Pick<Training, "step" | "snapshot"> {
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
