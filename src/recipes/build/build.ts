/** From a resolved recipe to the parts of a training run. */
import type { Loader } from "../../data/loading/batch.js";
import { withMixing } from "../../data/loading/mixing.js";
import type { OpenedData } from "../../data/opened-data.js";
import type { ProcessGroup } from "../../distributed/process-group.js";
import { RankedUpdate } from "../../distributed/ranked-update.js";
import { ReducedGradients } from "../../distributed/reduced-gradients.js";
import { assert, UsageError } from "../../errors.js";
import { evaluationBatchSize } from "../../evaluation/predictor.js";
import { type EvaluationView, WHOLE_VIEW } from "../../evaluation/view.js";
import type { Classifier, ModelSpecification } from "../../models/classifier.js";
import { createClassifier } from "../../models/registry.js";
import { type TransferReport, transferWeights } from "../../models/transfer.js";
import { createOptimizer, createSchedule } from "../../optim/create.js";
import { groupedOptimizer } from "../../optim/grouped.js";
import type { Optimizer } from "../../optim/optimizer.js";
import type { Schedule } from "../../optim/schedule.js";
import { WeightAverage } from "../../optim/weight-average.js";
import {
  canCapture,
  type Device,
  type DeviceName,
  GradientStore,
  memoryStats,
  resolveDevice,
  type Tensor,
} from "../../tensor/index.js";
import { CapturedStep } from "../../training/captured-step.js";
import { type FitOptions, updatesPerEpoch } from "../../training/fit.js";
import { automaticBatch, checkMemory, estimateMemory, type MemoryEstimate } from "../../training/memory-estimate.js";
import { forwardBackwardUnits } from "../../training/methods/methods.js";
import type { TrainingStep } from "../../training/methods/step.js";
import { type OpenedWeights, openWeights } from "../../weights/open.js";
import { DEFAULT_BATCH_SIZE, type ResolvedRecipe } from "../schema.js";
import { epochsOf } from "./epochs.js";
import { createStep, methodOf, recipeAttackGradients, snapshotOf } from "./method-step.js";
import { parameterGroups } from "./parameter-groups.js";
import { scaledRate } from "./scaled-rate.js";
import { validateOn } from "./validate.js";

const SNAPSHOT_IMAGES = 8;

/** A recipe whose batch size is known. */
export type SizedRecipe = ResolvedRecipe & { readonly training: { readonly batchSize: number } };

/** What learns, whatever the size of its batches. */
export interface Learner {
  readonly model: Classifier;
  /** What became of the weights that it started from, where there were any. */
  readonly transfer: TransferReport | undefined;
  readonly step: TrainingStep;
  /** The same step as a CUDA graph, where the device can capture one. */
  readonly captured: CapturedStep | undefined;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  readonly device: Device;
  readonly average: WeightAverage | undefined;
  readonly clipGradientNorm: number | null;
  /** Running means and variances, by their names. */
  readonly statistics: ReadonlyMap<string, Tensor>;
  /** What is evaluated: the average's network where there is one, else the model. */
  readonly evaluated: Classifier;
  /** Views of each image in a mini-batch. */
  readonly views: number;
  /** The ranks that learn together, where there are several. */
  readonly group: ProcessGroup | undefined;
  /** What a step costs, in training passes of vanilla: {@link forwardBackwardUnits}. */
  readonly unitsPerStep: number;
  /** Writes a picture of the epoch's adversarial images into a folder, and gives its name; undefined for a method without an attack. */
  readonly snapshot: ((folder: string, epoch: number) => Promise<string>) | undefined;
}

/** Everything that {@link fit} needs from a recipe. */
export interface Training extends Learner {
  readonly ranks: RankedUpdate | undefined;
  readonly epochs: number;
  readonly schedule: Schedule;
  readonly loader: Loader;
  readonly validate: FitOptions["validate"];
}

/**
 * Makes the parts of a run that do not depend on the batch size. Nothing is written.
 *
 * @throws ERR_DEVICE there is no such device, or it cannot do what the recipe asks; ERR_FINETUNE stages cannot be frozen
 * @param continued what the run's checkpoint says of its network, where one will be restored: the weights that
 *   fine-tuning began with are then not needed any more
 * @param view how photos are cut where it is evaluated; by default the checkpoint's rule, else whole where it trains on whole images, else that
 *   of the weights it starts from where they say one, else that of the image size
 * @param opened the weights of the recipe's `finetune.weights`, where they are open already
 * @param group  the ranks that learn together, where there are several
 */
export async function buildLearner(
  recipe: ResolvedRecipe,
  data: Pick<OpenedData, "classes" | "imageSize" | "whole" | "preview">,
  continued?: ModelSpecification,
  view?: EvaluationView,
  opened?: OpenedWeights,
  group?: ProcessGroup,
): Promise<Learner> {
  const { seed, training } = recipe;
  const device = deviceOf(recipe, group);
  checkDevice(recipe, device);
  const method = methodOf(recipe);
  const { weights } = recipe.finetune;
  if (weights === null && recipe.finetune.frozenStages > 0) {
    throw new UsageError(
      "ERR_FINETUNE",
      "train: finetune.frozenStages keeps stages as the weights have them, and no weights are given. Add `finetune.weights: FILE`",
    );
  }
  const source = weights === null || continued !== undefined ? undefined : (opened ?? (await openWeights(weights)));
  const comesWithWeights = source?.viewRecorded ? source.specification.view : undefined;
  const make = () =>
    createClassifier(recipe.model, {
      classes: data.classes,
      routes: method.routes,
      imageSize: data.imageSize,
      normalization: (continued ?? source?.specification)?.normalization,
      view: view ?? continued?.view ?? (data.whole ? WHOLE_VIEW : comesWithWeights),
    }).initialize(seed, recipe.precision === "bf16" ? "bfloat16" : "float32", device);
  const model = make();
  const transfer = source && transferWeights(model, source, weights ?? "");
  const twin = training.averageDecay === null ? undefined : make();
  const groups = parameterGroups(model.network, recipe.finetune);
  const named = groups.flatMap(({ parameters }) => parameters);
  const leaves = named.map(([, { value }]) => value);
  // A captured step gives its gradients all at once, and a GPU's stream is not waited for in the middle of a backward pass.
  const gradients = group === undefined ? new GradientStore(leaves) : new ReducedGradients(leaves, device === "cpu");
  const synchronized = group !== undefined && training.syncBatchNorm;
  const made = createStep(recipe, method, { model, device, parameters: named, gradients, synchronized });
  const { step } = made;
  return {
    model,
    transfer,
    step,
    snapshot: snapshotOf(recipe, method, made.attack, model, await data.preview(SNAPSHOT_IMAGES)),
    captured: canCapture(device) && !synchronized ? new CapturedStep(model, step, gradients) : undefined,
    views: method.views.length,
    group,
    unitsPerStep: forwardBackwardUnits(method, recipeAttackGradients(recipe)),
    gradients,
    optimizer: groupedOptimizer(groups, (parameters) => createOptimizer(recipe.optimizer, parameters)),
    device,
    average: twin && new WeightAverage(model.network, twin.network, training.averageDecay ?? 0),
    evaluated: twin ?? model,
    clipGradientNorm: training.clipGradientNorm,
    statistics: new Map(Array.from(model.network.state()).filter(([name]) => /\.running_(?:mean|var)$/.test(name))),
  };
}

/** Frees what learned. */
export function disposeLearner({ model, evaluated, optimizer, gradients }: Learner): void {
  model.dispose();
  if (evaluated !== model) evaluated.dispose();
  for (const [, tensor] of optimizer.state()) tensor.dispose();
  if (gradients instanceof ReducedGradients) gradients.dispose();
}

/** The device of a recipe; "cuda" is of each rank of a host its own. @throws ERR_DEVICE there is no such device */
export function deviceOf({ device }: ResolvedRecipe, group: ProcessGroup | undefined): Device {
  const own: DeviceName = device === "cuda" && group !== undefined ? `cuda:${group.environment.localRank}` : device;
  return resolveDevice(own);
}

/** @throws ERR_DEVICE the recipe asks for something that is done on the CPU alone */
function checkDevice({ training }: ResolvedRecipe, device: Device): void {
  if (device === "cpu") return;
  const refused = (what: string, instead: string) =>
    new UsageError("ERR_DEVICE", `\`device: ${device}\`: ${what} is done on the CPU alone. ${instead}`);
  if (training.batchSize === "auto") throw refused("finding a batch size", "Give `training.batchSize` a number");
  if (training.recompute)
    throw refused("gradient checkpointing", "Leave training.recompute out, and take a smaller batch");
}

/**
 * Makes the parts of a run. Nothing is written.
 *
 * @throws ERR_BATCH_SIZE the training images do not make one update; ERR_VALIDATION early stopping has nothing to go by
 */
export function buildTraining(recipe: SizedRecipe, learner: Learner, { train, validation }: OpenedData): Training {
  const { training } = recipe;
  const { batchSize, epochs, accumulationSteps } = training;
  if (training.earlyStoppingEpochs !== null && validation === undefined) {
    throw new UsageError(
      "ERR_VALIDATION",
      "train: training.earlyStoppingEpochs needs validation images, and there are none. Add `data.validationFraction: 0.1`",
    );
  }
  assert(train !== undefined, "training data were opened without their training part");
  const { views } = methodOf(recipe);
  // A GPU waits for the program, which therefore leaves it what it can.
  const { group, gradients } = learner;
  const part = group && { index: group.rank, count: group.size };
  const unmixed = train.loader(batchSize, { views, part, leavePending: learner.device !== "cpu" });
  const { mixup, cutmix } = training;
  const loader = withMixing(unmixed, { mixup, cutmix }, recipe.seed);
  const trained = epochsOf(recipe);
  const totalSteps = trained * updatesPerEpoch(loader, accumulationSteps);
  // Without a graph, twice the batch of a training step takes less memory than that step.
  const ownImages = batchSize / (group?.size ?? 1);
  const evaluationBatch = Math.min(evaluationBatchSize(learner.model.specification.imageSize), 2 * ownImages);
  // By synchronized statistics all ranks move their running ones alike.
  const averaged = training.syncBatchNorm ? [] : [...learner.statistics.values()];
  const ranks =
    group && gradients instanceof ReducedGradients
      ? new RankedUpdate(group, gradients, averaged, ownImages)
      : undefined;
  return {
    ...learner,
    ranks,
    epochs: trained,
    schedule: createSchedule(recipe.schedule, { peak: recipe.optimizer.lr, totalSteps, epochs }),
    loader,
    validate: validation && (() => validateOn(learner.evaluated, validation.batches(evaluationBatch, part), group)),
  };
}

/**
 * Measures what an update takes, and settles the batch size. On a GPU, whose memory is not measured, it is the recipe's. Where
 * it is automatic, an update keeps the images that the learning rate is for, in several mini-batches where it must; where
 * there are not so many training images, the rate is scaled with the images of an update.
 *
 * @param referenceSize images of a mini-batch that the recipe's learning rate is for, where its size is automatic
 * @returns the recipe with its batch size, and the measurement
 * @throws ERR_MEMORY the batch does not fit
 */
export function settleBatchSize(
  recipe: ResolvedRecipe,
  learner: Learner,
  { imageSize, train }: OpenedData,
  referenceSize = DEFAULT_BATCH_SIZE,
): { readonly recipe: SizedRecipe; readonly estimate?: MemoryEstimate } {
  const { batchSize, accumulationSteps } = recipe.training;
  const { training } = recipe;
  const ranks = learner.group?.size ?? 1;
  if (ranks > 1 && batchSize === "auto") {
    throw new UsageError(
      "ERR_BATCH_SIZE",
      "train: `training.batchSize: auto` is for one process: several share the memory of a host, and all must take the same size. " +
        "Give `training.batchSize` the number of images of a mini-batch over all of them",
    );
  }
  if (learner.device !== "cpu" && batchSize !== "auto")
    return { recipe: { ...recipe, training: { ...training, batchSize } } };
  const available = memoryStats().limitBytes;
  if (batchSize !== "auto") {
    const estimate = estimateMemory(learner, { side: imageSize, accumulationSteps, views: learner.views });
    checkMemory(estimate, batchSize / ranks, available);
    return { recipe: { ...recipe, training: { ...training, batchSize } }, estimate };
  }
  const updateImages = referenceSize * accumulationSteps;
  // Whether there are several mini-batches is not known yet, and they take more.
  const estimate = estimateMemory(learner, { side: imageSize, accumulationSteps: 2, views: learner.views });
  const automatic = automaticBatch(estimate, available, train?.length ?? 1, updateImages);
  const share = (automatic.batchSize * automatic.accumulationSteps) / updateImages;
  return {
    recipe: {
      ...recipe,
      training: { ...training, ...automatic },
      optimizer: scaledRate(recipe.optimizer, share),
    },
    estimate,
  };
}
