/** Builds the parts of a training run from a resolved recipe. */
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

/** The parts of a run that do not depend on the batch size. */
export interface Learner {
  readonly model: Classifier;
  /** How the starting weights were transferred; undefined for random weights. */
  readonly transfer: TransferReport | undefined;
  readonly step: TrainingStep;
  /** The same step as a CUDA graph, if the device can capture one. */
  readonly captured: CapturedStep | undefined;
  readonly gradients: GradientStore;
  readonly optimizer: Optimizer;
  readonly device: Device;
  readonly average: WeightAverage | undefined;
  readonly clipGradientNorm: number | null;
  /** Running means and variances by name. */
  readonly statistics: ReadonlyMap<string, Tensor>;
  /** The network to evaluate: that of the weight average if there is one, else the model. */
  readonly evaluated: Classifier;
  /** Views of each image in a mini-batch. */
  readonly views: number;
  /** The ranks that train together, if there are several. */
  readonly group: ProcessGroup | undefined;
  /** The cost of a step in training passes of vanilla training: {@link forwardBackwardUnits}. */
  readonly unitsPerStep: number;
  /** Writes a picture of the epoch's adversarial images into a folder and returns its name; undefined for a method without an attack. */
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
 * @throws ERR_DEVICE the device does not exist, or cannot do what the recipe requires; ERR_FINETUNE stages cannot be frozen
 * @param continued the network's specification in the checkpoint, if one will be restored. The weights that fine-tuning started from
 *   are then not needed
 * @param view how photos are cropped for evaluation. By default the first that exists of: the checkpoint's rule, no crop if the training
 *   uses whole images, the rule of the starting weights, the rule for the image size
 * @param opened the weights of the recipe's `finetune.weights`, if they are open already
 * @param group  the ranks that train together, if there are several
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
      "train: finetune.frozenStages needs pretrained weights, but none are given. Add `finetune.weights: FILE`",
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
  // A captured step gives all gradients at once, and a backward pass must not wait for the GPU's stream.
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

/** Frees the memory of a learner. */
export function disposeLearner({ model, evaluated, optimizer, gradients, captured }: Learner): void {
  captured?.dispose();
  model.dispose();
  if (evaluated !== model) evaluated.dispose();
  for (const [, tensor] of optimizer.state()) tensor.dispose();
  if (gradients instanceof ReducedGradients) gradients.dispose();
}

/** The device of a recipe; "cuda" is another GPU for each rank of a host. @throws ERR_DEVICE the device does not exist */
export function deviceOf({ device }: ResolvedRecipe, group: ProcessGroup | undefined): Device {
  const own: DeviceName = device === "cuda" && group !== undefined ? `cuda:${group.environment.localRank}` : device;
  return resolveDevice(own);
}

/** @throws ERR_DEVICE the recipe requires something that only the CPU can do */
function checkDevice({ training }: ResolvedRecipe, device: Device): void {
  if (device === "cpu") return;
  const refused = (what: string, instead: string) =>
    new UsageError("ERR_DEVICE", `\`device: ${device}\`: only the CPU can do ${what}. ${instead}`);
  if (training.batchSize === "auto") throw refused("finding a batch size", "Give `training.batchSize` a number");
  if (training.recompute)
    throw refused("gradient checkpointing", "Leave training.recompute out, and take a smaller batch");
}

/**
 * Makes all parts of a run. Nothing is written.
 *
 * @throws ERR_BATCH_SIZE there are too few training images for one update; ERR_VALIDATION early stopping has no validation images
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
  assert(train !== undefined, "the data were opened without their training split");
  const { views } = methodOf(recipe);
  // On a GPU the program is the bottleneck, so augmentation moves to the GPU where it can.
  const { group, gradients } = learner;
  const part = group && { index: group.rank, count: group.size };
  const unmixed = train.loader(batchSize, { views, part, leavePending: learner.device !== "cpu" });
  const { mixup, cutmix } = training;
  const loader = withMixing(unmixed, { mixup, cutmix }, recipe.seed);
  const trained = epochsOf(recipe);
  const totalSteps = trained * updatesPerEpoch(loader, accumulationSteps);
  // Evaluation keeps no graph: a batch twice as large takes less memory than a training step.
  const ownImages = batchSize / (group?.size ?? 1);
  const evaluationBatch = Math.min(evaluationBatchSize(learner.model.specification.imageSize), 2 * ownImages);
  // With synchronised batch norms the running statistics of all ranks are equal already.
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
 * Measures the memory of an update, and decides the batch size. On a GPU nothing is measured and the recipe's size is used. If the
 * size is "auto", an update has as many images as the learning rate is for, in several mini-batches if the memory requires it. If
 * there are fewer training images than that, the rate is scaled with the number of images of an update.
 *
 * @param referenceSize the mini-batch size that the learning rate is for, if the recipe's size is "auto"
 * @returns the recipe with a batch size, and the measurement
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
      "train: `training.batchSize: auto` works with one process only: several share the memory of a host, and all must use the same size. " +
        "Set `training.batchSize` to the number of images of a mini-batch over all processes",
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
  // Measures two mini-batches per update, which take more memory: their number is not known yet.
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
