/**
 * advprop: train image classifiers that adversarial examples improve, and measure them. The public names; a reader who
 * knows the paper starts at `training/advprop.ts`, `attacks/pgd.ts` and `nn/routed-batch-norm.ts`.
 */

export type {
  DownloadEvent,
  FinishedEvent,
  NoteEvent,
  PictureEvent,
  SavedEvent,
  StartedEvent,
  TrainEvent,
  TrainResult,
} from "./api/events.js";
export { type ExportModelOptions, type ExportResult, exportModel } from "./api/export-model.js";
export {
  type ClassifyAllOptions,
  type ClassifyOptions,
  openClassifier,
  type Photo,
  type PhotoClassifier,
  type PhotoResult,
  type Prediction,
} from "./api/photo-classifier.js";
export { type TrainOptions, train } from "./api/train.js";
export { type ApgdLoss, type ApgdOptions, apgd } from "./attacks/apgd.js";
export type { Attack, LogitsFunction } from "./attacks/attack.js";
export { type EvaluationAttack, type EvaluationAttackOptions, evaluationAttacks } from "./attacks/auto-attack.js";
export { bestIterate } from "./attacks/best-iterate.js";
export { type AttackOptions, createAttack } from "./attacks/create.js";
export { type FabOptions, fab, type Nearest, nearestAdversarial } from "./attacks/fab.js";
export { type FgsmOptions, fgsm } from "./attacks/fgsm.js";
export { gd } from "./attacks/gd.js";
export { type IFgsmOptions, iFgsm } from "./attacks/i-fgsm.js";
export { inTurn, restarted } from "./attacks/in-turn.js";
export { noise } from "./attacks/noise.js";
export { dlr, type Objective, rankedTargets, targetedDlr } from "./attacks/objective.js";
export { type PgdOptions, pgd } from "./attacks/pgd.js";
export { square } from "./attacks/square.js";
export { attackReach, attackSteps, defaultEpsilon, paperEpsilon } from "./attacks/strength.js";
export { randomTargets, type Target } from "./attacks/target.js";
export { l2, linf, type ThreatModel } from "./attacks/threat-model.js";
export { type CorruptedDatasetOptions, corruptedDataset } from "./corruptions/corrupted-dataset.js";
export { readFrostTextures } from "./corruptions/frost-photographs.js";
export {
  CORRUPTIONS,
  type CorruptionName,
  type CorruptOptions,
  corrupt,
  EXTRA_CORRUPTIONS,
  SEVERITIES,
  type TableName,
} from "./corruptions/index.js";
export { type WriteCorruptedSetOptions, type WrittenSet, writeCorruptedSet } from "./corruptions/write-set.js";
export { checkData, type DataReport } from "./data/check.js";
export { loadCifar } from "./data/cifar.js";
export { type CorruptedSet, type CorruptedSetOptions, openCorruptedSet } from "./data/corrupted-set.js";
export { type Dataset, InMemoryDataset, type Split } from "./data/dataset.js";
export {
  type CropAndFlip,
  evaluationBatches,
  type Loader,
  type PendingAugmentation,
  type PixelBatch,
  type Pixels,
  trainingLoader,
} from "./data/loader.js";
export { type OpenDataOptions, type OpenedData, openData, openDataset } from "./data/open-data.js";
export { SHAPES_CLASSES, type ShapesOptions, type ShapesSplit, shapesDataset } from "./data/shapes.js";
export { openSourceImages, type SourceImages, type SourceOptions } from "./data/source-images.js";
export { type StylizeOptions, stylize, stylizedDataset } from "./data/stylize.js";
export { limitPrefix, splitValidation, subset } from "./data/subset.js";
export { type WriteStylizedSetOptions, type WrittenStylizedSet, writeStylizedSet } from "./data/write-stylized-set.js";
export { AdvPropError, RunError, UsageError } from "./errors.js";
export { type Accuracy, accuracyOf, evaluateAccuracy } from "./evaluation/accuracy.js";
export { blackBoxSquare, blackBoxSubject } from "./evaluation/black-box.js";
export { type Calibration, calibrationOf, topAccuracy } from "./evaluation/calibration.js";
export { type ClassMap, readClassMap } from "./evaluation/class-map.js";
export { type ClassRule, classRule, relabelled, underRule } from "./evaluation/class-rule.js";
export { type Confusion, type ConfusionCount, confusionMatrix, confusionOf } from "./evaluation/confusion.js";
export {
  ALEXNET,
  type CorruptionErrors,
  type CorruptionReference,
  corruptionReference,
  mCE,
  meanCorruptionError,
  relativeMCE,
} from "./evaluation/corruption-error.js";
export { type McNemar, mcNemar, type SeedDifference, seedDifference } from "./evaluation/paired-tests.js";
export { type Predictions, predict } from "./evaluation/predictions.js";
export { evaluationBatchSize, type Predictor } from "./evaluation/predictor.js";
export { type Document, fixed, percent } from "./evaluation/report/document.js";
export { renderHtml } from "./evaluation/report/html.js";
export { renderMarkdown } from "./evaluation/report/markdown.js";
export { renderText } from "./evaluation/report/text.js";
export { writeReport } from "./evaluation/report/write.js";
export {
  type Adversary,
  type AttackOutcome,
  measureRobustness,
  type Robustness,
  type RobustnessOptions,
  type Subject,
} from "./evaluation/robustness.js";
export { type ShapeBias, shapeBias } from "./evaluation/shape-bias.js";
export { bootstrapMeans, type Interval, pairedDifference } from "./evaluation/statistics.js";
export { type Cell, cleanCell, corruptionCells, squareCell, stylisedCell } from "./evaluation/suite/cell.js";
export { CellStore, type Measurement } from "./evaluation/suite/cell-store.js";
export { suiteDocument } from "./evaluation/suite/document.js";
export { type SuiteImages, suiteImages } from "./evaluation/suite/images.js";
export { type Panel, runSuite, type SuiteModel } from "./evaluation/suite/run.js";
export { type MeasuredModel, type SuiteSummary, summarise } from "./evaluation/suite/summary.js";
export type { EvaluationView } from "./evaluation/view.js";
export type { OnnxExportOptions } from "./export/onnx.js";
export { type ExportOptions, exportWeights, type ImportedWeights, importWeights } from "./export/safetensors.js";
export { Classifier, type ModelSpecification, NORMALIZATIONS, type Normalization } from "./models/classifier.js";
export { imagesFromPixels, labelsTensor } from "./models/pixels.js";
export { createClassifier, modelNames } from "./models/registry.js";
export { MODEL_SUMMARIES, type ModelSummary } from "./models/summaries.js";
export { ATTACK, EVAL, type ForwardContext, MAIN_ROUTE, TRAIN } from "./nn/context.js";
export type { SampleKeys } from "./nn/keys.js";
export { crossEntropy } from "./nn/loss.js";
export { Module } from "./nn/module.js";
export type { Parameter } from "./nn/parameter.js";
export { normFactory, RoutedBatchNorm } from "./nn/routed-batch-norm.js";
export { AdamW, type AdamWOptions } from "./optim/adamw.js";
export type { Optimizer } from "./optim/optimizer.js";
export { RmsProp, type RmsPropOptions } from "./optim/rmsprop.js";
export { cosine, exponential, multiStep, oneCycle, type Schedule } from "./optim/schedule.js";
export { Sgd, type SgdOptions } from "./optim/sgd.js";
export { WeightAverage } from "./optim/weight-average.js";
export { attackedPredictor, classifierPredictor } from "./predictors/classifier-predictor.js";
export type { OnnxOptions } from "./predictors/onnx-settings.js";
export { type OpenPredictorOptions, openPredictor } from "./predictors/open.js";
export type { BlackBoxPredictor, OpenedPredictor, WhiteBoxPredictor } from "./predictors/opened.js";
export { whiteBox } from "./predictors/white-box.js";
export { defineRecipe, type Recipe, type ResolvedRecipe } from "./recipes/schema.js";
export {
  call,
  type Device,
  type DeviceName,
  type DType,
  engineInfo,
  fromArray,
  GradientStore,
  gradientOf,
  keep,
  type MemoryStats,
  memoryStats,
  resolveDevice,
  scope,
  setMemoryLimit,
  setThreads,
  Tensor,
} from "./tensor/index.js";
export { adversarialStep } from "./training/adversarial.js";
export { advPropStep } from "./training/advprop.js";
export type { CheckpointEvent, EpochEvent, FitEvent, StepEvent, ValidationEvent } from "./training/events.js";
export { type FitOptions, fit } from "./training/fit.js";
export { forwardBackwardUnits, METHOD_TABLE, type Method } from "./training/methods.js";
export { mixtureStep } from "./training/mixture.js";
export {
  type AttackStepParts,
  type Batch,
  batchFromPixels,
  type StepLosses,
  type StepParts,
  type TrainingStep,
} from "./training/step.js";
export { vanillaStep } from "./training/vanilla.js";
export { vanillaDoubledStep } from "./training/vanilla-doubled.js";
export { vanillaTwoViewsStep } from "./training/vanilla-two-views.js";
export { type OpenedWeights, type OpenWeightsOptions, openWeights } from "./weights/open.js";
export { PRESET_NAMES, type PresetName } from "./weights/presets.js";
export { PUBLISHED_WEIGHTS, type PublishedWeights } from "./weights/published.js";
