/**
 * advprop: train image classifiers that adversarial examples improve, and measure them. These calls are the product; the
 * parts for networks, attacks and training loops of one's own are in `advprop/engine`. A reader who knows the paper starts at
 * `training/methods/advprop.ts`, `attacks/pgd.ts` and `nn/routed-batch-norm.ts`.
 *
 * @module advprop
 */
export { type AttackedPhoto, type AttackPhotoOptions, attack } from "./api/attack/attack-photo.js";
export { type AttackSetOptions, attackSet, type WrittenAdversarialSet } from "./api/attack/attack-set.js";
export { type CompareOptions, compare } from "./api/compare/compare.js";
export type {
  ArmEvaluationEvent,
  ArmFailedEvent,
  ArmStartedEvent,
  ArmTrainEvent,
  ArmUnfinishedEvent,
  CompareEvent,
} from "./api/compare/events.js";
export type { Budget, Comparison } from "./api/compare/plan.js";
export type { CompareResult } from "./api/compare/result.js";
export type { EvaluationAttackSpec } from "./api/evaluation/attack.js";
export type { SuitePart } from "./api/evaluation/benchmark.js";
export type { EvaluationSplit } from "./api/evaluation/data.js";
export { type EvaluateOptions, evaluate } from "./api/evaluation/evaluate.js";
export type {
  AttackCostEvent,
  EvaluationEvent,
  PassEvent,
  SuiteProgressEvent,
  UnsavedEvent,
  WrittenEvent,
} from "./api/evaluation/events.js";
export type { EvaluationOptions } from "./api/evaluation/options.js";
export { type EvaluateSuiteOptions, evaluateSuite, type SuiteReport } from "./api/evaluation/suite.js";
export type { SuiteResult } from "./api/evaluation/suite-result.js";
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
export { type ExportModelOptions, type ExportResult, exportModel } from "./api/export/export-model.js";
export {
  type ExportedWebModel,
  type ExportWebOptions,
  type ExportWebResult,
  exportWeb,
} from "./api/export/export-web.js";
export { openRun, type Run } from "./api/open-run.js";
export {
  type ClassifyAllOptions,
  type ClassifyOptions,
  openClassifier,
  type Photo,
  type PhotoClassifier,
  type PhotoResult,
  type Prediction,
} from "./api/photo-classifier.js";
export { type ReportOptions, report } from "./api/report/report.js";
export { type RunPhotos, type RunPhotosOptions, runPhotos } from "./api/run-photos.js";
export type { TrainOptions } from "./api/training/options.js";
export { train } from "./api/training/train.js";
export { type OwnAttack, type OwnAttackName, type OwnAttackOptions, registerAttack } from "./attacks/registered.js";
export type { Draws } from "./corruptions/draws.js";
export {
  CORRUPTIONS,
  type CorruptionName,
  type CorruptOptions,
  corrupt,
  EXTRA_CORRUPTIONS,
  type OwnCorruption,
  registerCorruption,
  SEVERITIES,
  type TableName,
} from "./corruptions/index.js";
export { type CorruptedDatasetOptions, corruptedDataset } from "./corruptions/sets/corrupted-dataset.js";
export { readFrostTextures } from "./corruptions/sets/frost-photographs.js";
export { type WriteCorruptedSetOptions, type WrittenSet, writeCorruptedSet } from "./corruptions/sets/write-set.js";
export { type CorruptedSet, type CorruptedSetOptions, openCorruptedSet } from "./data/corrupted-set.js";
export { loadCifar } from "./data/datasets/cifar.js";
export { type Dataset, type InMemoryContents, InMemoryDataset, type Split } from "./data/datasets/dataset.js";
export { limitPrefix, splitValidation, subset } from "./data/datasets/subset.js";
export type { PartFractions, SavedSplit } from "./data/folders/photo-split.js";
export { type CheckOptions, checkData, type DataReport } from "./data/inspection/check.js";
export type { Finding, Severity as FindingSeverity } from "./data/inspection/findings.js";
export type { CropAndFlip, Loader, PendingAugmentation, PixelBatch, Pixels } from "./data/loading/batch.js";
export {
  type BatchPart,
  evaluationBatches,
  type TrainingLoaderOptions,
  trainingLoader,
} from "./data/loading/loader.js";
export { openData, openDataset } from "./data/open-data.js";
export type { OpenDataOptions, OpenedData } from "./data/opened-data.js";
export type { BadPhoto } from "./data/photos/bad-photos.js";
export { SHAPES_CLASSES, type ShapesOptions, type ShapesSplit, shapesDataset } from "./data/shapes/shapes.js";
export { type PackedShards, type PackOptions, packShards } from "./data/shards/pack-shards.js";
export {
  type ImageSource,
  openSourceImages,
  type SourceImages,
  type SourceOptions,
} from "./data/writing/source-images.js";
export { type StylizeOptions, stylize, stylizedDataset } from "./data/writing/stylize.js";
export {
  type WriteStylizedSetOptions,
  type WrittenStylizedSet,
  writeStylizedSet,
} from "./data/writing/write-stylized-set.js";
export { ProcessGroup } from "./distributed/process-group.js";
export type { RankEnvironment as RankPlace } from "./distributed/rank-environment.js";
export { AdvPropError, RunError, UsageError } from "./errors.js";
export { type Calibration, calibrationOf, topAccuracy } from "./evaluation/calibration.js";
export {
  ALEXNET,
  type CorruptionErrors,
  type CorruptionReference,
  corruptionReference,
  mCE,
  meanCorruptionError,
  relativeMCE,
} from "./evaluation/corruption-error.js";
export type {
  Block,
  CurveFigure,
  CurveSeries,
  Document,
  HeatMap,
  LineFigure,
  Listing,
  Picture,
  PictureGrid,
  Quantity,
  Table,
  TableCell,
} from "./evaluation/report/document.js";
export { renderHtml } from "./evaluation/report/html.js";
export { renderMarkdown } from "./evaluation/report/markdown.js";
export { renderText } from "./evaluation/report/text.js";
export { bootstrapMeans, type Interval, pairedDifference } from "./evaluation/statistics/bootstrap.js";
export { type McNemar, mcNemar, type SeedDifference, seedDifference } from "./evaluation/statistics/paired-tests.js";
export type { EvaluationView } from "./evaluation/view.js";
export type { OnnxExportOptions } from "./export/onnx.js";
export {
  type ExportOptions,
  exportWeights,
  type ImportedWeights,
  importWeights,
  type TrainingFacts,
} from "./export/safetensors.js";
export type { RandAugmentOptions } from "./images/augmentation/rand-augment.js";
export type { StrongAugmentation } from "./images/augmentation/strong-augmentation.js";
export type { CropLimits } from "./images/crop.js";
export type { RawImage } from "./images/resize.js";
export { Classifier, type ModelSpecification, NORMALIZATIONS, type Normalization } from "./models/classifier.js";
export {
  type Architecture,
  type ClassifierOptions,
  createClassifier,
  modelNames,
  registerModel,
} from "./models/registry.js";
export { MODEL_SUMMARIES, type ModelSummary } from "./models/summaries.js";
export { loadParts } from "./parts.js";
export type { OnnxOptions } from "./predictors/onnx/onnx-settings.js";
export type { OpenPredictorOptions } from "./predictors/opened.js";
export type { AttackSpec } from "./recipes/attack-schema.js";
export { defineRecipe, type Recipe, type ResolvedRecipe } from "./recipes/schema.js";
export type {
  BatchNormDriftRecord,
  EvaluationFile,
  MetricsRecord,
  Mistake,
  RunInfo,
  SnapshotFile,
  SuiteFile,
} from "./runs/schema.js";
export type { ServeLimits } from "./serving/limits.js";
export { type PhotoServer, type ServeOptions, serve } from "./serving/serve.js";
export { engineInfo, setMemoryLimit, setThreads } from "./tensor/index.js";
export type { CheckpointEvent, EpochEvent, FitEvent, Listener, StepEvent, ValidationEvent } from "./training/events.js";
export { METHOD_TABLE, type Method } from "./training/methods/methods.js";
export { type OpenedWeights, type OpenWeightsOptions, openWeights } from "./weights/open.js";
export { PRESET_NAMES, type PresetName } from "./weights/preset-names.js";
export { PUBLISHED_WEIGHTS, type PublishedWeights } from "./weights/published.js";
