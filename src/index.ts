/**
 * advprop: train image classifiers that adversarial examples improve, and measure them. These calls are the product; the
 * parts for networks, attacks and training loops of one's own are in `advprop/engine`. A reader who knows the paper starts at
 * `training/advprop.ts`, `attacks/pgd.ts` and `nn/routed-batch-norm.ts`.
 *
 * @module advprop
 */
export { type AttackedPhoto, type AttackPhotoOptions, attack } from "./api/attack-photo.js";
export { type AttackSetOptions, attackSet, type WrittenAdversarialSet } from "./api/attack-set.js";
export { type CompareOptions, type CompareResult, compare } from "./api/compare/compare.js";
export type {
  ArmEvaluationEvent,
  ArmFailedEvent,
  ArmStartedEvent,
  ArmTrainEvent,
  CompareEvent,
} from "./api/compare/events.js";
export type { Budget, Comparison } from "./api/compare/plan.js";
export type { EvaluationAttackSpec } from "./api/evaluation/attack.js";
export type { EvaluationSplit } from "./api/evaluation/data.js";
export { type EvaluateOptions, evaluate } from "./api/evaluation/evaluate.js";
export type {
  AttackCostEvent,
  EvaluationEvent,
  PassEvent,
  SuiteProgressEvent,
  WrittenEvent,
} from "./api/evaluation/events.js";
export type { EvaluationOptions } from "./api/evaluation/options.js";
export {
  type EvaluateSuiteOptions,
  evaluateSuite,
  type SuiteReport,
  type SuiteResult,
} from "./api/evaluation/suite.js";
export type { SuitePart } from "./api/evaluation/suite-panels.js";
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
export { type ExportedWebModel, type ExportWebOptions, type ExportWebResult, exportWeb } from "./api/export-web.js";
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
export { type TrainOptions, train } from "./api/train.js";
export { type OwnAttack, type OwnAttackOptions, registerAttack } from "./attacks/registered.js";
export { type CorruptedDatasetOptions, corruptedDataset } from "./corruptions/corrupted-dataset.js";
export type { Draws } from "./corruptions/draws.js";
export { readFrostTextures } from "./corruptions/frost-photographs.js";
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
export { type WriteCorruptedSetOptions, type WrittenSet, writeCorruptedSet } from "./corruptions/write-set.js";
export type { BadPhoto } from "./data/bad-photos.js";
export { type CheckOptions, checkData, type DataReport } from "./data/check.js";
export { loadCifar } from "./data/cifar.js";
export { type CorruptedSet, type CorruptedSetOptions, openCorruptedSet } from "./data/corrupted-set.js";
export { type Dataset, type InMemoryContents, InMemoryDataset, type Split } from "./data/dataset.js";
export type { Finding, Severity as FindingSeverity } from "./data/findings.js";
export {
  type BatchPart,
  type CropAndFlip,
  evaluationBatches,
  type Loader,
  type PendingAugmentation,
  type PixelBatch,
  type Pixels,
  type TrainingLoaderOptions,
  trainingLoader,
} from "./data/loader.js";
export { type OpenDataOptions, type OpenedData, openData, openDataset } from "./data/open-data.js";
export type { PartFractions, SavedSplit } from "./data/photo-split.js";
export { SHAPES_CLASSES, type ShapesOptions, type ShapesSplit, shapesDataset } from "./data/shapes.js";
export { type PackedShards, type PackOptions, packShards } from "./data/shards/pack-shards.js";
export { type ImageSource, openSourceImages, type SourceImages, type SourceOptions } from "./data/source-images.js";
export { type StylizeOptions, stylize, stylizedDataset } from "./data/stylize.js";
export { limitPrefix, splitValidation, subset } from "./data/subset.js";
export { type WriteStylizedSetOptions, type WrittenStylizedSet, writeStylizedSet } from "./data/write-stylized-set.js";
export { ProcessGroup } from "./distributed/process-group.js";
export type { RankPlace } from "./distributed/rank-place.js";
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
export { type McNemar, mcNemar, type SeedDifference, seedDifference } from "./evaluation/paired-tests.js";
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
export { bootstrapMeans, type Interval, pairedDifference } from "./evaluation/statistics.js";
export type { EvaluationView } from "./evaluation/view.js";
export type { OnnxExportOptions } from "./export/onnx.js";
export {
  type ExportOptions,
  exportWeights,
  type ImportedWeights,
  importWeights,
  type Training as TrainingFacts,
} from "./export/safetensors.js";
export type { CropLimits } from "./images/crop.js";
export type { RandAugmentOptions } from "./images/rand-augment.js";
export type { RawImage } from "./images/resize.js";
export type { StrongAugmentation } from "./images/strong-augmentation.js";
export { Classifier, type ModelSpecification, NORMALIZATIONS, type Normalization } from "./models/classifier.js";
export {
  type Architecture,
  type ClassifierOptions,
  createClassifier,
  modelNames,
  registerModel,
} from "./models/registry.js";
export { MODEL_SUMMARIES, type ModelSummary } from "./models/summaries.js";
export type { OnnxOptions } from "./predictors/onnx-settings.js";
export type { OpenPredictorOptions } from "./predictors/open.js";
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
export { METHOD_TABLE, type Method } from "./training/methods.js";
export { type OpenedWeights, type OpenWeightsOptions, openWeights } from "./weights/open.js";
export { PRESET_NAMES, type PresetName } from "./weights/presets.js";
export { PUBLISHED_WEIGHTS, type PublishedWeights } from "./weights/published.js";
