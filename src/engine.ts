/**
 * advprop/engine: tensors, layers, attacks, optimizers and training steps, for a network, an attack or a training loop of
 * one's own. The engine, libtorch with kernels of ours, is loaded by the first call that needs it.
 *
 * @module advprop/engine
 */

export type { Attack, LogitsFunction } from "./attacks/attack.js";
export { type AttackOptions, createAttack } from "./attacks/create.js";
export { type ApgdLoss, type ApgdOptions, apgd } from "./attacks/evaluation/apgd.js";
export {
  type EvaluationAttack,
  type EvaluationAttackOptions,
  evaluationAttacks,
} from "./attacks/evaluation/auto-attack.js";
export { bestIterate } from "./attacks/evaluation/best-iterate.js";
export { type FabOptions, fab, type Nearest, nearestAdversarial } from "./attacks/evaluation/fab.js";
export { inTurn, restarted } from "./attacks/evaluation/in-turn.js";
export { dlr, type Objective, rankedTargets, targetedDlr } from "./attacks/evaluation/objective.js";
export { square } from "./attacks/evaluation/tensor-square.js";
export { noise } from "./attacks/noise.js";
export { type FgsmOptions, fgsm, gd, type IFgsmOptions, iFgsm, type PgdOptions, pgd } from "./attacks/pgd.js";
export { attackReach, attackSteps, defaultEpsilon, paperEpsilon } from "./attacks/strength.js";
export { randomTargets, type Target } from "./attacks/target.js";
export { l2, linf, type Norm, type ThreatModel } from "./attacks/threat-model.js";
export type { MixingMask } from "./data/loading/batch.js";
export type { RankedUpdate } from "./distributed/ranked-update.js";
export type { ReducedGradients } from "./distributed/reduced-gradients.js";
export { type Accuracy, evaluateAccuracy } from "./evaluation/accuracy.js";
export type { AttackOutcome } from "./evaluation/attack-outcome.js";
export { type Predictions, predict } from "./evaluation/predictions.js";
export { evaluationBatchSize, type Predictor } from "./evaluation/predictor.js";
export {
  type Adversary,
  measureRobustness,
  type Robustness,
  type RobustnessOptions,
  type Subject,
} from "./evaluation/robustness.js";
export { imagesFromPixels, labelsTensor } from "./models/pixels.js";
export { type Forward, StagedNetwork } from "./models/staged-network.js";
export { ATTACK, contextOfStage, EVAL, type ForwardContext, MAIN_ROUTE, TRAIN } from "./nn/context.js";
export type { Initializer } from "./nn/initialization.js";
export type { SampleKeys } from "./nn/keys.js";
export { Conv2d, type Conv2dOptions } from "./nn/layers/convolution.js";
export { dropout } from "./nn/layers/dropout.js";
export { Linear } from "./nn/layers/linear.js";
export { avgPool2d, globalAveragePool, maxPool2d } from "./nn/layers/pooling.js";
export { crossEntropy, type Reduction } from "./nn/loss.js";
export { Module } from "./nn/module.js";
export { Parameter, type ParameterKind } from "./nn/parameter.js";
export { type BatchNormOptions, type NormFactory, normFactory, RoutedBatchNorm } from "./nn/routed-batch-norm.js";
export { Sequence } from "./nn/sequence.js";
export { AdamW, type AdamWOptions } from "./optim/adamw.js";
export type { NamedParameter, Optimizer } from "./optim/optimizer.js";
export { RmsProp, type RmsPropOptions } from "./optim/rmsprop.js";
export { cosine, exponential, multiStep, oneCycle, type Schedule, type ScheduleFrame } from "./optim/schedule.js";
export { Sgd, type SgdOptions } from "./optim/sgd.js";
export { WeightAverage } from "./optim/weight-average.js";
export {
  type AttackedPredictionOptions,
  attackedPredictor,
  classifierPredictor,
} from "./predictors/classifier-predictor.js";
export { openPredictor } from "./predictors/open.js";
export type {
  BlackBoxPredictor,
  OpenedPredictor,
  OpenPredictorOptions,
  WhiteBoxPredictor,
} from "./predictors/opened.js";
export { whiteBox } from "./predictors/white-box.js";
export {
  type Argument,
  call,
  callAny,
  type Device,
  type DeviceName,
  type DType,
  fromArray,
  GradientStore,
  gradientOf,
  keep,
  type MemoryStats,
  memoryStats,
  type OperatorName,
  resolveDevice,
  scope,
  Tensor,
} from "./tensor/index.js";
export {
  type Activation,
  abs,
  add,
  clamp,
  detach,
  div,
  mul,
  relu,
  sign,
  sub,
  sum,
  zerosLike,
} from "./tensor/operators.js";
export type { CapturedStep } from "./training/captured-step.js";
export type { TrainingState } from "./training/checkpoint.js";
export { type FitOptions, fit } from "./training/fit.js";
export { adversarialStep } from "./training/methods/adversarial.js";
export { advPropStep } from "./training/methods/advprop.js";
export { fastAdvPropStep } from "./training/methods/fast-advprop.js";
export { fineGrainedStep } from "./training/methods/fine-grained.js";
export type { Perturbation } from "./training/methods/method-traits.js";
export { forwardBackwardUnits } from "./training/methods/methods.js";
export { mixtureStep } from "./training/methods/mixture.js";
export { FINE_GRAINED_ROUTES, type RouteFeed, type RouteFeeds } from "./training/methods/routes.js";
export {
  type AttackStepParts,
  type Batch,
  batchFromPixels,
  type DrawContext,
  type LossWeights,
  type ParameterOwner,
  type SingleStepParts,
  type StepLosses,
  type StepParts,
  type TrainingStep,
} from "./training/methods/step.js";
export { vanillaStep } from "./training/methods/vanilla.js";
export { vanillaDoubledStep } from "./training/methods/vanilla-doubled.js";
export { vanillaTwoViewsStep } from "./training/methods/vanilla-two-views.js";
